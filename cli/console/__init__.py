"""`lakeferry console`: a stack or a lake in a browser on this machine, made on the server, with no script.

`command.py` starts it, `app.py` has its pages, `guard.py` lets nobody else in, `place.py` opens what is looked at.
A page is a function of a `Request` in a module of its own, and a template; what it shows comes from the functions that
the commands have.
"""
