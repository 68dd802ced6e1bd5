"""OpenLineage's run events, where the stack's `OpenLineageUrl` says to whom: written down with what the outbox tells.

`channel.py` is one way of telling, beside the bus; `runevents.py` has the events, and is the one that imports
OpenLineage's package; `sources.py` what they look up; `waiting.py` keeps them as objects; `delivery.py` posts those.
"""
