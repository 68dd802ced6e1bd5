"""Functions that a topic calls: as SNS does, with the message's attributes; asynchronously and again, as Lambda does.

moto calls them at once, with no attributes and a made-up id, and waits for their answers.
"""

import json
import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

from local.endings import fire
from local.stack import Stack

RETRY_SECONDS = (60.0, 120.0)
"""Before Lambda's second and third try ("Error handling for asynchronous invocation")."""


class Calls:
    """Asynchronous calls of one stack's functions."""

    def __init__(self, aws: Stack, time_scale: float) -> None:
        self._aws, self._time_scale = aws, time_scale
        self._pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="topic")
        self._under_way: set[Future[None]] = set()
        self._ending = threading.Event()

    def begin(self, function: str, event: dict[str, Any]) -> None:
        """Calls a function, and goes on."""
        if not self._ending.is_set():
            call = self._pool.submit(self._call, function, event)
            self._under_way.add(call)
            call.add_done_callback(self._under_way.discard)

    def settle(self) -> None:
        """Waits until every call has ended, those that are made again included."""
        while under_way := set(self._under_way):
            wait(under_way)

    def close(self) -> None:
        """Makes no more calls; those under way end."""
        self._ending.set()
        self._pool.shutdown(cancel_futures=True)

    def _call(self, function: str, event: dict[str, Any]) -> None:
        for pause in (*RETRY_SECONDS, None):
            answer = self._aws.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event))
            if "FunctionError" not in answer or self._ending.is_set():
                return
            said = json.loads(answer["Payload"].read())
            if pause is None:
                fire(self._aws, _failed(function, event, said))
            elif self._ending.wait(pause * self._time_scale):
                return


def _failed(function: str, event: dict[str, Any], said: Any) -> dict[str, Any]:
    """What a destination gets that is EventBridge ("Capturing records of Lambda asynchronous invocations")."""
    return {
        "source": "lambda",
        "detail-type": "Lambda Function Invocation Result - Failure",
        "resources": [f"{function}:$LATEST"],
        "detail": {
            "requestContext": {"functionArn": f"{function}:$LATEST", "condition": "RetriesExhausted"},
            "requestPayload": event,
            "responsePayload": said,
        },
    }


class _Hooks:
    calls: Calls | None = None


def install(calls: Calls) -> None:
    """Puts the calls in place of moto's, once a process."""
    from moto.sns.models import Subscription

    if _Hooks.calls is None:
        original = Subscription.publish

        def publish(
            self: Any,
            message: str,
            message_id: str,
            subject: str | None = None,
            message_attributes: dict[str, Any] | None = None,
            **rest: Any,
        ) -> None:
            if self.protocol != "lambda":
                original(self, message, message_id, subject, message_attributes, **rest)
                return
            matcher = self._filter_policy_matcher
            if _Hooks.calls is not None and (matcher is None or matcher.matches(message_attributes, message)):
                sns = self.get_post_data(message, message_id, subject) | {
                    "Subject": subject,
                    "MessageAttributes": message_attributes or {},
                }
                record = {"EventSource": "aws:sns", "EventSubscriptionArn": self.arn, "EventVersion": "1.0", "Sns": sns}
                _Hooks.calls.begin(self.endpoint, {"Records": [record]})

        Subscription.publish = publish
    _Hooks.calls = calls
