"""After a run, however it ended: its reports in the lake, one for each tenant and the operator's of the whole."""
