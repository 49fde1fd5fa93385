"""One command that runs it: the data folder, the processes and what keeps them alive."""
