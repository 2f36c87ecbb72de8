"""The witness: follows a log from another machine, and cosigns what only ever grew. It needs no database of ours."""
