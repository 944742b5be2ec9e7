"""What runs inside the jail: the zygote, the programs' keeper and the checker.

Every file here uses the standard library alone, since nothing else can be imported inside; the
host starts `entry.py` in an interpreter of its own and talks to it over sockets.
"""
