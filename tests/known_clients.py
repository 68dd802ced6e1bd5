"""What botocore and moto work out anew for each client, though it is the same each time: here once a process.

A test has clients of its own, over a moto that is empty; without this they cost more than most tests do.
"""

from functools import cache, lru_cache
from inspect import CO_VARKEYWORDS
from typing import Any

import boto3.resources.factory
import botocore.endpoint_provider
import botocore.hooks
import botocore.session
import botocore.useragent

_hooks: Any = botocore.hooks
_agents: Any = botocore.useragent
_endpoints: Any = botocore.endpoint_provider
_rules, _known_rules = _endpoints.RuleSet, dict[int, Any]()
_name_of_event = _hooks.EventAliaser._alias_event_name
_aliaser = _hooks.EventAliaser(None)  # its names only are asked for
_accepts_kwargs = _hooks.accepts_kwargs
_factories: Any = boto3.resources.factory.ResourceFactory
_load, _known_classes = _factories.load_from_definition, dict[tuple[str, str], Any]()


def apply() -> None:
    """For the whole process."""
    # the descriptions of AWS's services, by far the most of what a client costs (90 of 110 ms)
    botocore.session.create_loader = cache(botocore.session.create_loader)
    _hooks.EventAliaser._alias_event_name = lambda self, name: name_of_event(name)
    _hooks.accepts_kwargs = accepts_kwargs
    _hooks._PrefixTrie._recursive_copy = handlers_copied
    _endpoints.RuleSet = rules
    _factories.load_from_definition = resource_class
    # each call says anew, character by character, who calls: a twentieth of what it costs
    _agents.sanitize_user_agent_string_component = lru_cache(1000)(_agents.sanitize_user_agent_string_component)


def apply_to_moto() -> None:
    """As `apply`, once moto is imported."""
    from moto.core import models

    known = dict[str, list[Any]]()
    enable = models.MockAWS._enable_patching
    if enable.__module__ == __name__:
        return

    def enable_patching(self: Any, reset: bool = True) -> None:
        """moto catches what the library "requests" sends, too, by 1,300 addresses and methods, all added each time."""
        enable(self, reset)
        registry: Any = models.responses_mock.get_registry()
        for method, addresses in known.items():
            registry._registered[method] += addresses
        if not known:
            known.update({method: [*addresses] for method, addresses in registry._registered.items()})
            models.RESPONSES_METHODS.clear()

    models.MockAWS._enable_patching = enable_patching


@cache
def name_of_event(name: str) -> str:
    """botocore goes through its 90 aliases of events for each of the 130 handlers of a session."""
    return str(_name_of_event(_aliaser, name))


def accepts_kwargs(function: Any) -> Any:
    """botocore reads the whole signature of each handler, also to see whether it may be registered."""
    code = getattr(function, "__code__", None)
    if code is None or hasattr(function, "__signature__"):
        return _accepts_kwargs(function)
    return bool(code.co_flags & CO_VARKEYWORDS)


def handlers_copied(self: Any, node: dict[str, Any]) -> dict[str, Any]:
    """Each client has its session's handlers and its own: a third of what it costs, by `copy` list after list."""
    return {
        key: _hooks.NodeList(value.first[:], value.middle[:], value.last[:])
        if type(value) is _hooks.NodeList
        else handlers_copied(self, value)
        if type(value) is dict
        else value
        for key, value in node.items()
    }


def rules(**named: Any) -> Any:
    """The rules of a service's addresses, read from a description that is kept (`apply`), and changed by nobody."""
    key = id(named["rules"])
    if key not in _known_rules:
        _known_rules[key] = _rules(**named)
        _known_rules[key].of = named["rules"]  # so that no other takes its place
    return _known_rules[key]


def resource_class(self: Any, resource_name: str, single_resource_json_definition: Any, service_context: Any) -> Any:
    """boto3 makes the class anew for each table that somebody asks for; what is a table's own is in its object."""
    key = service_context.service_name, resource_name
    if key not in _known_classes:
        _known_classes[key] = _load(self, resource_name, single_resource_json_definition, service_context)
    return _known_classes[key]
