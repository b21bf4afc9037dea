"""One sealed file of all that may be printed and who may print it: made, read, put back."""
