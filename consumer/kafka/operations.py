"""What we may do, as the broker itself says it: requests that ask for the authorized operations.

KIP-430: Metadata from version 8 and DescribeGroups from version 3 on. aiokafka's own stop before, or
leave the answer's last field out.
"""

from collections.abc import Sequence
from typing import Any

from aiokafka.protocol.admin import DescribeGroupsRequest_v0, DescribeGroupsResponse_v3
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.metadata import MetadataRequest_v4
from aiokafka.protocol.types import Array, Boolean, Int16, Int32, Schema, String

# Bit numbers: the codes of Kafka's AclOperation.
_OPERATIONS = {
    3: "Read",
    4: "Write",
    5: "Create",
    6: "Delete",
    7: "Alter",
    8: "Describe",
    10: "DescribeConfigs",
    11: "AlterConfigs",
}
_NOT_TOLD = -(2**31)


def operations_in(bits: int | None) -> frozenset[str] | None:
    """The operations of a bit field; None where the broker did not tell."""
    if bits is None or bits == _NOT_TOLD:
        return None
    return frozenset(name for number, name in _OPERATIONS.items() if bits & (1 << number))


class _MetadataResponseV8(Response):  # type: ignore[misc]  # aiokafka is untyped
    API_KEY = 3
    API_VERSION = 8
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            Array(
                ("node_id", Int32),
                ("host", String("utf-8")),
                ("port", Int32),
                ("rack", String("utf-8")),
            ),
        ),
        ("cluster_id", String("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            Array(
                ("error_code", Int16),
                ("topic", String("utf-8")),
                ("is_internal", Boolean),
                (
                    "partitions",
                    Array(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", Array(Int32)),
                        ("isr", Array(Int32)),
                        ("offline_replicas", Array(Int32)),
                    ),
                ),
                ("authorized_operations", Int32),
            ),
        ),
        ("cluster_authorized_operations", Int32),
    )


class _MetadataRequestV8(RequestStruct):  # type: ignore[misc]  # aiokafka is untyped
    API_KEY = 3
    API_VERSION = 8
    RESPONSE_TYPE = _MetadataResponseV8
    SCHEMA = Schema(
        ("topics", Array(String("utf-8"))),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
    )


class MetadataWithOperations(Request[MetadataRequest_v4 | _MetadataRequestV8]):  # type: ignore[misc]
    """Brokers and topics, with the authorized operations of topics and cluster where the broker can tell."""

    API_KEY = 3

    def __init__(self, topics: Sequence[str]) -> None:
        self._topics = list(topics)

    def build(self, request_struct_class: Any) -> Any:
        """Never creates a topic by asking for it."""
        if request_struct_class is _MetadataRequestV8:
            return request_struct_class(self._topics, False, True, True)  # noqa: FBT003
        return request_struct_class(self._topics, False)  # noqa: FBT003


class _DescribeGroupsRequestV3(RequestStruct):  # type: ignore[misc]  # aiokafka is untyped
    API_KEY = 15
    API_VERSION = 3
    RESPONSE_TYPE = DescribeGroupsResponse_v3
    SCHEMA = Schema(("groups", Array(String("utf-8"))), ("include_authorized_operations", Boolean))


class GroupWithOperations(Request[DescribeGroupsRequest_v0 | _DescribeGroupsRequestV3]):  # type: ignore[misc]
    """One group, with `authorized_operations` where the broker can tell."""

    API_KEY = 15

    def __init__(self, group: str) -> None:
        self._group = group

    def build(self, request_struct_class: Any) -> Any:
        """The struct of the version that was agreed on."""
        if request_struct_class is _DescribeGroupsRequestV3:
            return request_struct_class([self._group], True)  # noqa: FBT003
        return request_struct_class([self._group])
