"""Signs what a log says it holds, apart from the log's host, and never two things that do not fit together."""
