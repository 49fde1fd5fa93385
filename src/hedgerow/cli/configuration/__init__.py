"""Configuration as code on the command line: export, plan, apply, test and new, over a folder of files."""
