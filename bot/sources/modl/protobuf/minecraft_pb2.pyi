import datetime

from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MinecraftCreateTicketRequest(_message.Message):
    __slots__ = ("creator_uuid", "creator_name", "type", "subject", "description", "reported_player_uuid", "reported_player_name", "chat_messages", "tags", "priority", "created_server", "replay_url")
    CREATOR_UUID_FIELD_NUMBER: _ClassVar[int]
    CREATOR_NAME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    REPORTED_PLAYER_UUID_FIELD_NUMBER: _ClassVar[int]
    REPORTED_PLAYER_NAME_FIELD_NUMBER: _ClassVar[int]
    CHAT_MESSAGES_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    CREATED_SERVER_FIELD_NUMBER: _ClassVar[int]
    REPLAY_URL_FIELD_NUMBER: _ClassVar[int]
    creator_uuid: str
    creator_name: str
    type: str
    subject: str
    description: str
    reported_player_uuid: str
    reported_player_name: str
    chat_messages: _containers.RepeatedScalarFieldContainer[str]
    tags: _containers.RepeatedScalarFieldContainer[str]
    priority: str
    created_server: str
    replay_url: str
    def __init__(self, creator_uuid: _Optional[str] = ..., creator_name: _Optional[str] = ..., type: _Optional[str] = ..., subject: _Optional[str] = ..., description: _Optional[str] = ..., reported_player_uuid: _Optional[str] = ..., reported_player_name: _Optional[str] = ..., chat_messages: _Optional[_Iterable[str]] = ..., tags: _Optional[_Iterable[str]] = ..., priority: _Optional[str] = ..., created_server: _Optional[str] = ..., replay_url: _Optional[str] = ...) -> None: ...

class MinecraftCreateTicketResponse(_message.Message):
    __slots__ = ("status", "success", "ticket_id", "message")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    TICKET_ID_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    status: int
    success: bool
    ticket_id: str
    message: str
    def __init__(self, status: _Optional[int] = ..., success: _Optional[bool] = ..., ticket_id: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class MinecraftTicketsByIdsRequest(_message.Message):
    __slots__ = ("ids",)
    IDS_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, ids: _Optional[_Iterable[str]] = ...) -> None: ...

class MinecraftClaimTicketRequest(_message.Message):
    __slots__ = ("player_uuid", "player_name")
    PLAYER_UUID_FIELD_NUMBER: _ClassVar[int]
    PLAYER_NAME_FIELD_NUMBER: _ClassVar[int]
    player_uuid: str
    player_name: str
    def __init__(self, player_uuid: _Optional[str] = ..., player_name: _Optional[str] = ...) -> None: ...

class ClaimTicketResponse(_message.Message):
    __slots__ = ("message", "ticket_id", "subject", "status", "success")
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    TICKET_ID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    message: str
    ticket_id: str
    subject: str
    status: int
    success: bool
    def __init__(self, message: _Optional[str] = ..., ticket_id: _Optional[str] = ..., subject: _Optional[str] = ..., status: _Optional[int] = ..., success: _Optional[bool] = ...) -> None: ...

class TicketsResponse(_message.Message):
    __slots__ = ("status", "tickets")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    TICKETS_FIELD_NUMBER: _ClassVar[int]
    status: int
    tickets: _containers.RepeatedCompositeFieldContainer[MinecraftTicketListItem]
    def __init__(self, status: _Optional[int] = ..., tickets: _Optional[_Iterable[_Union[MinecraftTicketListItem, _Mapping]]] = ...) -> None: ...

class MinecraftTicketListItem(_message.Message):
    __slots__ = ("id", "type", "category", "subject", "status", "player_name", "player_uuid", "priority", "first_reply_content", "assigned_to", "created_at", "updated_at", "has_staff_response", "locked", "reply_count")
    ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    PLAYER_NAME_FIELD_NUMBER: _ClassVar[int]
    PLAYER_UUID_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    FIRST_REPLY_CONTENT_FIELD_NUMBER: _ClassVar[int]
    ASSIGNED_TO_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    HAS_STAFF_RESPONSE_FIELD_NUMBER: _ClassVar[int]
    LOCKED_FIELD_NUMBER: _ClassVar[int]
    REPLY_COUNT_FIELD_NUMBER: _ClassVar[int]
    id: str
    type: str
    category: str
    subject: str
    status: str
    player_name: str
    player_uuid: str
    priority: str
    first_reply_content: str
    assigned_to: _containers.RepeatedScalarFieldContainer[str]
    created_at: int
    updated_at: int
    has_staff_response: bool
    locked: bool
    reply_count: int
    def __init__(self, id: _Optional[str] = ..., type: _Optional[str] = ..., category: _Optional[str] = ..., subject: _Optional[str] = ..., status: _Optional[str] = ..., player_name: _Optional[str] = ..., player_uuid: _Optional[str] = ..., priority: _Optional[str] = ..., first_reply_content: _Optional[str] = ..., assigned_to: _Optional[_Iterable[str]] = ..., created_at: _Optional[int] = ..., updated_at: _Optional[int] = ..., has_staff_response: _Optional[bool] = ..., locked: _Optional[bool] = ..., reply_count: _Optional[int] = ...) -> None: ...

class MinecraftTicketDetailResponse(_message.Message):
    __slots__ = ("status", "ticket")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    TICKET_FIELD_NUMBER: _ClassVar[int]
    status: int
    ticket: MinecraftTicketDetail
    def __init__(self, status: _Optional[int] = ..., ticket: _Optional[_Union[MinecraftTicketDetail, _Mapping]] = ...) -> None: ...

class MinecraftTicketDetail(_message.Message):
    __slots__ = ("id", "type", "category", "subject", "status", "player_name", "player_uuid", "priority", "assigned_to", "created_at", "updated_at", "locked", "replies", "chat_messages", "replay_url")
    ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    PLAYER_NAME_FIELD_NUMBER: _ClassVar[int]
    PLAYER_UUID_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    ASSIGNED_TO_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    LOCKED_FIELD_NUMBER: _ClassVar[int]
    REPLIES_FIELD_NUMBER: _ClassVar[int]
    CHAT_MESSAGES_FIELD_NUMBER: _ClassVar[int]
    REPLAY_URL_FIELD_NUMBER: _ClassVar[int]
    id: str
    type: str
    category: str
    subject: str
    status: str
    player_name: str
    player_uuid: str
    priority: str
    assigned_to: _containers.RepeatedScalarFieldContainer[str]
    created_at: _timestamp_pb2.Timestamp
    updated_at: _timestamp_pb2.Timestamp
    locked: bool
    replies: _containers.RepeatedCompositeFieldContainer[MinecraftTicketDetailReply]
    chat_messages: _containers.RepeatedCompositeFieldContainer[_struct_pb2.Struct]
    replay_url: str
    def __init__(self, id: _Optional[str] = ..., type: _Optional[str] = ..., category: _Optional[str] = ..., subject: _Optional[str] = ..., status: _Optional[str] = ..., player_name: _Optional[str] = ..., player_uuid: _Optional[str] = ..., priority: _Optional[str] = ..., assigned_to: _Optional[_Iterable[str]] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., locked: _Optional[bool] = ..., replies: _Optional[_Iterable[_Union[MinecraftTicketDetailReply, _Mapping]]] = ..., chat_messages: _Optional[_Iterable[_Union[_struct_pb2.Struct, _Mapping]]] = ..., replay_url: _Optional[str] = ...) -> None: ...

class MinecraftTicketDetailReply(_message.Message):
    __slots__ = ("id", "content", "author_name", "author_id", "is_staff", "created_at")
    ID_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_NAME_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_ID_FIELD_NUMBER: _ClassVar[int]
    IS_STAFF_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    id: str
    content: str
    author_name: str
    author_id: str
    is_staff: bool
    created_at: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., content: _Optional[str] = ..., author_name: _Optional[str] = ..., author_id: _Optional[str] = ..., is_staff: _Optional[bool] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ReportsResponse(_message.Message):
    __slots__ = ("status", "reports")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REPORTS_FIELD_NUMBER: _ClassVar[int]
    status: int
    reports: _containers.RepeatedCompositeFieldContainer[ReportEntry]
    def __init__(self, status: _Optional[int] = ..., reports: _Optional[_Iterable[_Union[ReportEntry, _Mapping]]] = ...) -> None: ...

class ReportEntry(_message.Message):
    __slots__ = ("id", "type", "category", "reporter_name", "reporter_uuid", "reported_player_uuid", "reported_player_name", "subject", "content", "status", "priority", "created_at", "assigned_to", "chat_messages", "replay_url")
    ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    REPORTER_NAME_FIELD_NUMBER: _ClassVar[int]
    REPORTER_UUID_FIELD_NUMBER: _ClassVar[int]
    REPORTED_PLAYER_UUID_FIELD_NUMBER: _ClassVar[int]
    REPORTED_PLAYER_NAME_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    ASSIGNED_TO_FIELD_NUMBER: _ClassVar[int]
    CHAT_MESSAGES_FIELD_NUMBER: _ClassVar[int]
    REPLAY_URL_FIELD_NUMBER: _ClassVar[int]
    id: str
    type: str
    category: str
    reporter_name: str
    reporter_uuid: str
    reported_player_uuid: str
    reported_player_name: str
    subject: str
    content: str
    status: str
    priority: str
    created_at: int
    assigned_to: _containers.RepeatedScalarFieldContainer[str]
    chat_messages: _containers.RepeatedCompositeFieldContainer[_struct_pb2.Struct]
    replay_url: str
    def __init__(self, id: _Optional[str] = ..., type: _Optional[str] = ..., category: _Optional[str] = ..., reporter_name: _Optional[str] = ..., reporter_uuid: _Optional[str] = ..., reported_player_uuid: _Optional[str] = ..., reported_player_name: _Optional[str] = ..., subject: _Optional[str] = ..., content: _Optional[str] = ..., status: _Optional[str] = ..., priority: _Optional[str] = ..., created_at: _Optional[int] = ..., assigned_to: _Optional[_Iterable[str]] = ..., chat_messages: _Optional[_Iterable[_Union[_struct_pb2.Struct, _Mapping]]] = ..., replay_url: _Optional[str] = ...) -> None: ...

class DismissReportRequest(_message.Message):
    __slots__ = ("dismissed_by", "reason")
    DISMISSED_BY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    dismissed_by: str
    reason: str
    def __init__(self, dismissed_by: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class ResolveReportRequest(_message.Message):
    __slots__ = ("resolved_by", "resolution", "punishment_id")
    RESOLVED_BY_FIELD_NUMBER: _ClassVar[int]
    RESOLUTION_FIELD_NUMBER: _ClassVar[int]
    PUNISHMENT_ID_FIELD_NUMBER: _ClassVar[int]
    resolved_by: str
    resolution: str
    punishment_id: str
    def __init__(self, resolved_by: _Optional[str] = ..., resolution: _Optional[str] = ..., punishment_id: _Optional[str] = ...) -> None: ...

class AssignReportRequest(_message.Message):
    __slots__ = ("assignee",)
    ASSIGNEE_FIELD_NUMBER: _ClassVar[int]
    assignee: str
    def __init__(self, assignee: _Optional[str] = ...) -> None: ...

class MinecraftReportOperationResponse(_message.Message):
    __slots__ = ("status", "success", "message")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    status: int
    success: bool
    message: str
    def __init__(self, status: _Optional[int] = ..., success: _Optional[bool] = ..., message: _Optional[str] = ...) -> None: ...

class SimpleResponse(_message.Message):
    __slots__ = ("success",)
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    success: bool
    def __init__(self, success: _Optional[bool] = ...) -> None: ...

class ApiError(_message.Message):
    __slots__ = ("status_code", "code", "message", "field_violations", "request_id", "retry_metadata")
    STATUS_CODE_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    FIELD_VIOLATIONS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    RETRY_METADATA_FIELD_NUMBER: _ClassVar[int]
    status_code: int
    code: str
    message: str
    field_violations: _containers.RepeatedCompositeFieldContainer[FieldViolation]
    request_id: str
    retry_metadata: RetryMetadata
    def __init__(self, status_code: _Optional[int] = ..., code: _Optional[str] = ..., message: _Optional[str] = ..., field_violations: _Optional[_Iterable[_Union[FieldViolation, _Mapping]]] = ..., request_id: _Optional[str] = ..., retry_metadata: _Optional[_Union[RetryMetadata, _Mapping]] = ...) -> None: ...

class FieldViolation(_message.Message):
    __slots__ = ("field", "message", "code")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    field: str
    message: str
    code: str
    def __init__(self, field: _Optional[str] = ..., message: _Optional[str] = ..., code: _Optional[str] = ...) -> None: ...

class RetryMetadata(_message.Message):
    __slots__ = ("retry_after_ms", "retry_after_seconds")
    RETRY_AFTER_MS_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_SECONDS_FIELD_NUMBER: _ClassVar[int]
    retry_after_ms: int
    retry_after_seconds: int
    def __init__(self, retry_after_ms: _Optional[int] = ..., retry_after_seconds: _Optional[int] = ...) -> None: ...

class PlayerLoginRequest(_message.Message):
    __slots__ = ("minecraft_uuid", "username", "ip_address", "skin_hash", "server_name", "ip_info", "server_instance_id")
    MINECRAFT_UUID_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    IP_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    SKIN_HASH_FIELD_NUMBER: _ClassVar[int]
    SERVER_NAME_FIELD_NUMBER: _ClassVar[int]
    IP_INFO_FIELD_NUMBER: _ClassVar[int]
    SERVER_INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    minecraft_uuid: str
    username: str
    ip_address: str
    skin_hash: str
    server_name: str
    ip_info: _struct_pb2.Struct
    server_instance_id: str
    def __init__(self, minecraft_uuid: _Optional[str] = ..., username: _Optional[str] = ..., ip_address: _Optional[str] = ..., skin_hash: _Optional[str] = ..., server_name: _Optional[str] = ..., ip_info: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., server_instance_id: _Optional[str] = ...) -> None: ...

class PlayerLoginResponse(_message.Message):
    __slots__ = ("active_punishments", "pending_notifications", "pending_ip_lookups", "pending_stat_wipes", "status")
    ACTIVE_PUNISHMENTS_FIELD_NUMBER: _ClassVar[int]
    PENDING_NOTIFICATIONS_FIELD_NUMBER: _ClassVar[int]
    PENDING_IP_LOOKUPS_FIELD_NUMBER: _ClassVar[int]
    PENDING_STAT_WIPES_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    active_punishments: _containers.RepeatedCompositeFieldContainer[SimplePunishment]
    pending_notifications: _containers.RepeatedCompositeFieldContainer[_struct_pb2.Struct]
    pending_ip_lookups: _containers.RepeatedScalarFieldContainer[str]
    pending_stat_wipes: _containers.RepeatedCompositeFieldContainer[PendingStatWipe]
    status: int
    def __init__(self, active_punishments: _Optional[_Iterable[_Union[SimplePunishment, _Mapping]]] = ..., pending_notifications: _Optional[_Iterable[_Union[_struct_pb2.Struct, _Mapping]]] = ..., pending_ip_lookups: _Optional[_Iterable[str]] = ..., pending_stat_wipes: _Optional[_Iterable[_Union[PendingStatWipe, _Mapping]]] = ..., status: _Optional[int] = ...) -> None: ...

class SimplePunishment(_message.Message):
    __slots__ = ("type", "category", "expiration", "description", "id", "issuer_name", "issued_at", "player_description", "started", "ordinal")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    EXPIRATION_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    ISSUER_NAME_FIELD_NUMBER: _ClassVar[int]
    ISSUED_AT_FIELD_NUMBER: _ClassVar[int]
    PLAYER_DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    ORDINAL_FIELD_NUMBER: _ClassVar[int]
    type: str
    category: str
    expiration: int
    description: str
    id: str
    issuer_name: str
    issued_at: int
    player_description: str
    started: bool
    ordinal: int
    def __init__(self, type: _Optional[str] = ..., category: _Optional[str] = ..., expiration: _Optional[int] = ..., description: _Optional[str] = ..., id: _Optional[str] = ..., issuer_name: _Optional[str] = ..., issued_at: _Optional[int] = ..., player_description: _Optional[str] = ..., started: _Optional[bool] = ..., ordinal: _Optional[int] = ...) -> None: ...

class PendingStatWipe(_message.Message):
    __slots__ = ("minecraft_uuid", "username", "punishment_id")
    MINECRAFT_UUID_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    PUNISHMENT_ID_FIELD_NUMBER: _ClassVar[int]
    minecraft_uuid: str
    username: str
    punishment_id: str
    def __init__(self, minecraft_uuid: _Optional[str] = ..., username: _Optional[str] = ..., punishment_id: _Optional[str] = ...) -> None: ...

class PlayerDisconnectRequest(_message.Message):
    __slots__ = ("minecraft_uuid", "session_duration_ms", "server_instance_id")
    MINECRAFT_UUID_FIELD_NUMBER: _ClassVar[int]
    SESSION_DURATION_MS_FIELD_NUMBER: _ClassVar[int]
    SERVER_INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    minecraft_uuid: str
    session_duration_ms: int
    server_instance_id: str
    def __init__(self, minecraft_uuid: _Optional[str] = ..., session_duration_ms: _Optional[int] = ..., server_instance_id: _Optional[str] = ...) -> None: ...

class UpdatePlayerServerRequest(_message.Message):
    __slots__ = ("minecraft_uuid", "server_name", "server_instance_id")
    MINECRAFT_UUID_FIELD_NUMBER: _ClassVar[int]
    SERVER_NAME_FIELD_NUMBER: _ClassVar[int]
    SERVER_INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    minecraft_uuid: str
    server_name: str
    server_instance_id: str
    def __init__(self, minecraft_uuid: _Optional[str] = ..., server_name: _Optional[str] = ..., server_instance_id: _Optional[str] = ...) -> None: ...

class ReportStaffDisconnectRequest(_message.Message):
    __slots__ = ("minecraft_uuid", "session_duration_ms")
    MINECRAFT_UUID_FIELD_NUMBER: _ClassVar[int]
    SESSION_DURATION_MS_FIELD_NUMBER: _ClassVar[int]
    minecraft_uuid: str
    session_duration_ms: int
    def __init__(self, minecraft_uuid: _Optional[str] = ..., session_duration_ms: _Optional[int] = ...) -> None: ...

class ChatLogBatchRequest(_message.Message):
    __slots__ = ("entries",)
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.RepeatedCompositeFieldContainer[ChatLogEntry]
    def __init__(self, entries: _Optional[_Iterable[_Union[ChatLogEntry, _Mapping]]] = ...) -> None: ...

class ChatLogEntry(_message.Message):
    __slots__ = ("uuid", "username", "message", "server", "timestamp")
    UUID_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    SERVER_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    uuid: str
    username: str
    message: str
    server: str
    timestamp: int
    def __init__(self, uuid: _Optional[str] = ..., username: _Optional[str] = ..., message: _Optional[str] = ..., server: _Optional[str] = ..., timestamp: _Optional[int] = ...) -> None: ...

class CommandLogBatchRequest(_message.Message):
    __slots__ = ("entries",)
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.RepeatedCompositeFieldContainer[CommandLogEntry]
    def __init__(self, entries: _Optional[_Iterable[_Union[CommandLogEntry, _Mapping]]] = ...) -> None: ...

class CommandLogEntry(_message.Message):
    __slots__ = ("uuid", "username", "command", "server", "timestamp")
    UUID_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    SERVER_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    uuid: str
    username: str
    command: str
    server: str
    timestamp: int
    def __init__(self, uuid: _Optional[str] = ..., username: _Optional[str] = ..., command: _Optional[str] = ..., server: _Optional[str] = ..., timestamp: _Optional[int] = ...) -> None: ...

class SyncRequest(_message.Message):
    __slots__ = ("last_sync_timestamp", "online_players", "server_name", "chat_logs", "command_logs", "server_status", "server_instance_id")
    LAST_SYNC_TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    ONLINE_PLAYERS_FIELD_NUMBER: _ClassVar[int]
    SERVER_NAME_FIELD_NUMBER: _ClassVar[int]
    CHAT_LOGS_FIELD_NUMBER: _ClassVar[int]
    COMMAND_LOGS_FIELD_NUMBER: _ClassVar[int]
    SERVER_STATUS_FIELD_NUMBER: _ClassVar[int]
    SERVER_INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    last_sync_timestamp: str
    online_players: _containers.RepeatedCompositeFieldContainer[SyncOnlinePlayer]
    server_name: str
    chat_logs: _containers.RepeatedCompositeFieldContainer[SyncChatLogEntry]
    command_logs: _containers.RepeatedCompositeFieldContainer[SyncCommandLogEntry]
    server_status: SyncServerStatus
    server_instance_id: str
    def __init__(self, last_sync_timestamp: _Optional[str] = ..., online_players: _Optional[_Iterable[_Union[SyncOnlinePlayer, _Mapping]]] = ..., server_name: _Optional[str] = ..., chat_logs: _Optional[_Iterable[_Union[SyncChatLogEntry, _Mapping]]] = ..., command_logs: _Optional[_Iterable[_Union[SyncCommandLogEntry, _Mapping]]] = ..., server_status: _Optional[_Union[SyncServerStatus, _Mapping]] = ..., server_instance_id: _Optional[str] = ...) -> None: ...

class SyncOnlinePlayer(_message.Message):
    __slots__ = ("uuid", "username", "ip_address", "session_duration_ms")
    UUID_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    IP_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    SESSION_DURATION_MS_FIELD_NUMBER: _ClassVar[int]
    uuid: str
    username: str
    ip_address: str
    session_duration_ms: int
    def __init__(self, uuid: _Optional[str] = ..., username: _Optional[str] = ..., ip_address: _Optional[str] = ..., session_duration_ms: _Optional[int] = ...) -> None: ...

class SyncChatLogEntry(_message.Message):
    __slots__ = ("uuid", "username", "message", "server", "timestamp")
    UUID_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    SERVER_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    uuid: str
    username: str
    message: str
    server: str
    timestamp: int
    def __init__(self, uuid: _Optional[str] = ..., username: _Optional[str] = ..., message: _Optional[str] = ..., server: _Optional[str] = ..., timestamp: _Optional[int] = ...) -> None: ...

class SyncCommandLogEntry(_message.Message):
    __slots__ = ("uuid", "username", "command", "server", "timestamp")
    UUID_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    SERVER_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    uuid: str
    username: str
    command: str
    server: str
    timestamp: int
    def __init__(self, uuid: _Optional[str] = ..., username: _Optional[str] = ..., command: _Optional[str] = ..., server: _Optional[str] = ..., timestamp: _Optional[int] = ...) -> None: ...

class SyncServerStatus(_message.Message):
    __slots__ = ("online_player_count", "max_players", "server_version", "timestamp", "platform_type", "plugin_version")
    ONLINE_PLAYER_COUNT_FIELD_NUMBER: _ClassVar[int]
    MAX_PLAYERS_FIELD_NUMBER: _ClassVar[int]
    SERVER_VERSION_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    PLATFORM_TYPE_FIELD_NUMBER: _ClassVar[int]
    PLUGIN_VERSION_FIELD_NUMBER: _ClassVar[int]
    online_player_count: int
    max_players: int
    server_version: str
    timestamp: str
    platform_type: str
    plugin_version: str
    def __init__(self, online_player_count: _Optional[int] = ..., max_players: _Optional[int] = ..., server_version: _Optional[str] = ..., timestamp: _Optional[str] = ..., platform_type: _Optional[str] = ..., plugin_version: _Optional[str] = ...) -> None: ...

class SyncResponse(_message.Message):
    __slots__ = ("timestamp", "data")
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    timestamp: str
    data: SyncData
    def __init__(self, timestamp: _Optional[str] = ..., data: _Optional[_Union[SyncData, _Mapping]] = ...) -> None: ...

class SyncData(_message.Message):
    __slots__ = ("pending_punishments", "recently_started_punishments", "recently_modified_punishments", "player_notifications", "active_staff_members", "migration_task", "staff_notifications", "pending_stat_wipes", "staff_2fa_verifications", "staff_permissions_updated_at", "punishment_types_updated_at")
    PENDING_PUNISHMENTS_FIELD_NUMBER: _ClassVar[int]
    RECENTLY_STARTED_PUNISHMENTS_FIELD_NUMBER: _ClassVar[int]
    RECENTLY_MODIFIED_PUNISHMENTS_FIELD_NUMBER: _ClassVar[int]
    PLAYER_NOTIFICATIONS_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_STAFF_MEMBERS_FIELD_NUMBER: _ClassVar[int]
    MIGRATION_TASK_FIELD_NUMBER: _ClassVar[int]
    STAFF_NOTIFICATIONS_FIELD_NUMBER: _ClassVar[int]
    PENDING_STAT_WIPES_FIELD_NUMBER: _ClassVar[int]
    STAFF_2FA_VERIFICATIONS_FIELD_NUMBER: _ClassVar[int]
    STAFF_PERMISSIONS_UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    PUNISHMENT_TYPES_UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    pending_punishments: _containers.RepeatedCompositeFieldContainer[SyncPendingPunishment]
    recently_started_punishments: _containers.RepeatedCompositeFieldContainer[SyncPendingPunishment]
    recently_modified_punishments: _containers.RepeatedCompositeFieldContainer[SyncModifiedPunishment]
    player_notifications: _containers.RepeatedCompositeFieldContainer[SyncPlayerNotification]
    active_staff_members: _containers.RepeatedCompositeFieldContainer[SyncActiveStaffMember]
    migration_task: SyncMigrationTask
    staff_notifications: _containers.RepeatedCompositeFieldContainer[SyncStaffNotification]
    pending_stat_wipes: _containers.RepeatedCompositeFieldContainer[SyncPendingStatWipe]
    staff_2fa_verifications: _containers.RepeatedCompositeFieldContainer[SyncStaff2faVerification]
    staff_permissions_updated_at: int
    punishment_types_updated_at: int
    def __init__(self, pending_punishments: _Optional[_Iterable[_Union[SyncPendingPunishment, _Mapping]]] = ..., recently_started_punishments: _Optional[_Iterable[_Union[SyncPendingPunishment, _Mapping]]] = ..., recently_modified_punishments: _Optional[_Iterable[_Union[SyncModifiedPunishment, _Mapping]]] = ..., player_notifications: _Optional[_Iterable[_Union[SyncPlayerNotification, _Mapping]]] = ..., active_staff_members: _Optional[_Iterable[_Union[SyncActiveStaffMember, _Mapping]]] = ..., migration_task: _Optional[_Union[SyncMigrationTask, _Mapping]] = ..., staff_notifications: _Optional[_Iterable[_Union[SyncStaffNotification, _Mapping]]] = ..., pending_stat_wipes: _Optional[_Iterable[_Union[SyncPendingStatWipe, _Mapping]]] = ..., staff_2fa_verifications: _Optional[_Iterable[_Union[SyncStaff2faVerification, _Mapping]]] = ..., staff_permissions_updated_at: _Optional[int] = ..., punishment_types_updated_at: _Optional[int] = ...) -> None: ...

class SyncPendingPunishment(_message.Message):
    __slots__ = ("minecraft_uuid", "username", "punishment")
    MINECRAFT_UUID_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    PUNISHMENT_FIELD_NUMBER: _ClassVar[int]
    minecraft_uuid: str
    username: str
    punishment: SimplePunishment
    def __init__(self, minecraft_uuid: _Optional[str] = ..., username: _Optional[str] = ..., punishment: _Optional[_Union[SimplePunishment, _Mapping]] = ...) -> None: ...

class SyncModifiedPunishment(_message.Message):
    __slots__ = ("minecraft_uuid", "username", "punishment")
    MINECRAFT_UUID_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    PUNISHMENT_FIELD_NUMBER: _ClassVar[int]
    minecraft_uuid: str
    username: str
    punishment: SyncPunishmentWithModifications
    def __init__(self, minecraft_uuid: _Optional[str] = ..., username: _Optional[str] = ..., punishment: _Optional[_Union[SyncPunishmentWithModifications, _Mapping]] = ...) -> None: ...

class SyncPunishmentWithModifications(_message.Message):
    __slots__ = ("id", "modifications")
    ID_FIELD_NUMBER: _ClassVar[int]
    MODIFICATIONS_FIELD_NUMBER: _ClassVar[int]
    id: str
    modifications: _containers.RepeatedCompositeFieldContainer[SyncPunishmentModification]
    def __init__(self, id: _Optional[str] = ..., modifications: _Optional[_Iterable[_Union[SyncPunishmentModification, _Mapping]]] = ...) -> None: ...

class SyncPunishmentModification(_message.Message):
    __slots__ = ("type", "timestamp", "effective_duration")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVE_DURATION_FIELD_NUMBER: _ClassVar[int]
    type: str
    timestamp: int
    effective_duration: int
    def __init__(self, type: _Optional[str] = ..., timestamp: _Optional[int] = ..., effective_duration: _Optional[int] = ...) -> None: ...

class SyncPlayerNotification(_message.Message):
    __slots__ = ("id", "message", "type", "target_player_uuid", "data", "timestamp")
    ID_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    TARGET_PLAYER_UUID_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    id: str
    message: str
    type: str
    target_player_uuid: str
    data: _struct_pb2.Struct
    timestamp: int
    def __init__(self, id: _Optional[str] = ..., message: _Optional[str] = ..., type: _Optional[str] = ..., target_player_uuid: _Optional[str] = ..., data: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., timestamp: _Optional[int] = ...) -> None: ...

class SyncActiveStaffMember(_message.Message):
    __slots__ = ("minecraft_uuid", "minecraft_username", "staff_username", "staff_role", "email", "staff_id", "permissions", "two_factor_session_valid")
    MINECRAFT_UUID_FIELD_NUMBER: _ClassVar[int]
    MINECRAFT_USERNAME_FIELD_NUMBER: _ClassVar[int]
    STAFF_USERNAME_FIELD_NUMBER: _ClassVar[int]
    STAFF_ROLE_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    STAFF_ID_FIELD_NUMBER: _ClassVar[int]
    PERMISSIONS_FIELD_NUMBER: _ClassVar[int]
    TWO_FACTOR_SESSION_VALID_FIELD_NUMBER: _ClassVar[int]
    minecraft_uuid: str
    minecraft_username: str
    staff_username: str
    staff_role: str
    email: str
    staff_id: str
    permissions: _containers.RepeatedScalarFieldContainer[str]
    two_factor_session_valid: bool
    def __init__(self, minecraft_uuid: _Optional[str] = ..., minecraft_username: _Optional[str] = ..., staff_username: _Optional[str] = ..., staff_role: _Optional[str] = ..., email: _Optional[str] = ..., staff_id: _Optional[str] = ..., permissions: _Optional[_Iterable[str]] = ..., two_factor_session_valid: _Optional[bool] = ...) -> None: ...

class SyncMigrationTask(_message.Message):
    __slots__ = ("task_id", "type")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    type: str
    def __init__(self, task_id: _Optional[str] = ..., type: _Optional[str] = ...) -> None: ...

class SyncStaffNotification(_message.Message):
    __slots__ = ("id", "type", "message", "data", "timestamp")
    ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    id: str
    type: str
    message: str
    data: _struct_pb2.Struct
    timestamp: int
    def __init__(self, id: _Optional[str] = ..., type: _Optional[str] = ..., message: _Optional[str] = ..., data: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., timestamp: _Optional[int] = ...) -> None: ...

class SyncPendingStatWipe(_message.Message):
    __slots__ = ("minecraft_uuid", "username", "punishment_id")
    MINECRAFT_UUID_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    PUNISHMENT_ID_FIELD_NUMBER: _ClassVar[int]
    minecraft_uuid: str
    username: str
    punishment_id: str
    def __init__(self, minecraft_uuid: _Optional[str] = ..., username: _Optional[str] = ..., punishment_id: _Optional[str] = ...) -> None: ...

class SyncStaff2faVerification(_message.Message):
    __slots__ = ("minecraft_uuid",)
    MINECRAFT_UUID_FIELD_NUMBER: _ClassVar[int]
    minecraft_uuid: str
    def __init__(self, minecraft_uuid: _Optional[str] = ...) -> None: ...

class AcknowledgeNotificationsRequest(_message.Message):
    __slots__ = ("player_uuid", "acknowledged_at", "notification_ids")
    PLAYER_UUID_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGED_AT_FIELD_NUMBER: _ClassVar[int]
    NOTIFICATION_IDS_FIELD_NUMBER: _ClassVar[int]
    player_uuid: str
    acknowledged_at: str
    notification_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, player_uuid: _Optional[str] = ..., acknowledged_at: _Optional[str] = ..., notification_ids: _Optional[_Iterable[str]] = ...) -> None: ...
