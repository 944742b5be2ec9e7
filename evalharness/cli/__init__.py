"""The command line, one file a verb: arguments -> one stage call -> exit code.

Results go to stdout, progress and warnings to stderr.  The only prints of the package live here.
"""
