"""What has to be done next, taken from the worklist and done."""
