"""The worker: fold, match, run, settle."""
