"""What is to be done: run files, study files, the parts of the data that each sampling sees, and single samplings."""
