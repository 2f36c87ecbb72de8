"""Contains all the data models used in inputs/outputs"""

from .accepted import Accepted
from .access_token import AccessToken
from .api_key_with_secret import ApiKeyWithSecret
from .api_key_with_secret_role import ApiKeyWithSecretRole
from .api_keys import ApiKeys
from .audit_page import AuditPage
from .audit_page_type import AuditPageType
from .challenge_resource import ChallengeResource
from .checkpoint import Checkpoint
from .credentials import Credentials
from .customer import Customer
from .customer_as_of import CustomerAsOf
from .customer_changes import CustomerChanges
from .customer_page import CustomerPage
from .customer_proof import CustomerProof
from .customer_registration import CustomerRegistration
from .customer_services import CustomerServices
from .customers_page_clock import CustomersPageClock
from .customers_show_clock import CustomersShowClock
from .decision import Decision
from .decision_outcome import DecisionOutcome
from .divergent import Divergent
from .divergent_what import DivergentWhat
from .entry_proof import EntryProof
from .erased_customer import ErasedCustomer
from .erasure import Erasure
from .event_page import EventPage
from .export import Export
from .export_failure import ExportFailure
from .export_formats_item import ExportFormatsItem
from .export_request import ExportRequest
from .export_request_formats_item import ExportRequestFormatsItem
from .export_request_types_item import ExportRequestTypesItem
from .export_status import ExportStatus
from .fault import Fault
from .funnel import Funnel
from .funnel_changes import FunnelChanges
from .funnel_counts import FunnelCounts
from .funnel_move import FunnelMove
from .key_order import KeyOrder
from .key_order_role import KeyOrderRole
from .legal_basis import LegalBasis
from .legal_hold import LegalHold
from .listed_api_key import ListedApiKey
from .listed_api_key_role import ListedApiKeyRole
from .officers_and_auditors_page_kind import OfficersAndAuditorsPageKind
from .optional_reason import OptionalReason
from .policy_change import PolicyChange
from .policy_trial import PolicyTrial
from .policy_trial_step import PolicyTrialStep
from .problem_details import ProblemDetails
from .proposal import Proposal
from .public_event import PublicEvent
from .public_event_webhook_type import PublicEventWebhookType
from .published_schema import PublishedSchema
from .published_schemas import PublishedSchemas
from .reason import Reason
from .redelivery import Redelivery
from .registered_customer import RegisteredCustomer
from .registered_request_key import RegisteredRequestKey
from .registered_request_key_algorithm import RegisteredRequestKeyAlgorithm
from .registered_webhook import RegisteredWebhook
from .registered_webhook_cause import RegisteredWebhookCause
from .registered_webhook_status import RegisteredWebhookStatus
from .registered_webhook_types_item import RegisteredWebhookTypesItem
from .registered_webhooks import RegisteredWebhooks
from .replay import Replay
from .replay_line import ReplayLine
from .replay_positions import ReplayPositions
from .request_key_registration import RequestKeyRegistration
from .review import Review
from .review_in_detail import ReviewInDetail
from .review_in_detail_kind import ReviewInDetailKind
from .review_kind import ReviewKind
from .review_page import ReviewPage
from .reviewed_customer import ReviewedCustomer
from .sanctions_list_adoption import SanctionsListAdoption
from .schema_document import SchemaDocument
from .signed_challenge import SignedChallenge
from .signing_key import SigningKey
from .signing_keys import SigningKeys
from .simulated_outcome import SimulatedOutcome
from .stated_reason import StatedReason
from .status import Status
from .stored_event import StoredEvent
from .stored_event_event import StoredEventEvent
from .stored_events import StoredEvents
from .time_travel_customer_changes_clock import TimeTravelCustomerChangesClock
from .time_travel_funnel_changes_clock import TimeTravelFunnelChangesClock
from .time_travel_funnel_clock import TimeTravelFunnelClock
from .timeline import Timeline
from .timeline_entry import TimelineEntry
from .trial_line import TrialLine
from .verification_session import VerificationSession
from .webhook import Webhook
from .webhook_cause import WebhookCause
from .webhook_deliveries import WebhookDeliveries
from .webhook_delivery import WebhookDelivery
from .webhook_delivery_last_outcome import WebhookDeliveryLastOutcome
from .webhook_delivery_status import WebhookDeliveryStatus
from .webhook_registration import WebhookRegistration
from .webhook_registration_types_item import WebhookRegistrationTypesItem
from .webhook_secret import WebhookSecret
from .webhook_status import WebhookStatus
from .webhook_test import WebhookTest
from .webhook_test_event import WebhookTestEvent
from .webhook_test_outcome import WebhookTestOutcome
from .webhook_types_item import WebhookTypesItem

__all__ = (
    "Accepted",
    "AccessToken",
    "ApiKeys",
    "ApiKeyWithSecret",
    "ApiKeyWithSecretRole",
    "AuditPage",
    "AuditPageType",
    "ChallengeResource",
    "Checkpoint",
    "Credentials",
    "Customer",
    "CustomerAsOf",
    "CustomerChanges",
    "CustomerPage",
    "CustomerProof",
    "CustomerRegistration",
    "CustomerServices",
    "CustomersPageClock",
    "CustomersShowClock",
    "Decision",
    "DecisionOutcome",
    "Divergent",
    "DivergentWhat",
    "EntryProof",
    "ErasedCustomer",
    "Erasure",
    "EventPage",
    "Export",
    "ExportFailure",
    "ExportFormatsItem",
    "ExportRequest",
    "ExportRequestFormatsItem",
    "ExportRequestTypesItem",
    "ExportStatus",
    "Fault",
    "Funnel",
    "FunnelChanges",
    "FunnelCounts",
    "FunnelMove",
    "KeyOrder",
    "KeyOrderRole",
    "LegalBasis",
    "LegalHold",
    "ListedApiKey",
    "ListedApiKeyRole",
    "OfficersAndAuditorsPageKind",
    "OptionalReason",
    "PolicyChange",
    "PolicyTrial",
    "PolicyTrialStep",
    "ProblemDetails",
    "Proposal",
    "PublicEvent",
    "PublicEventWebhookType",
    "PublishedSchema",
    "PublishedSchemas",
    "Reason",
    "Redelivery",
    "RegisteredCustomer",
    "RegisteredRequestKey",
    "RegisteredRequestKeyAlgorithm",
    "RegisteredWebhook",
    "RegisteredWebhookCause",
    "RegisteredWebhooks",
    "RegisteredWebhookStatus",
    "RegisteredWebhookTypesItem",
    "Replay",
    "ReplayLine",
    "ReplayPositions",
    "RequestKeyRegistration",
    "Review",
    "ReviewedCustomer",
    "ReviewInDetail",
    "ReviewInDetailKind",
    "ReviewKind",
    "ReviewPage",
    "SanctionsListAdoption",
    "SchemaDocument",
    "SignedChallenge",
    "SigningKey",
    "SigningKeys",
    "SimulatedOutcome",
    "StatedReason",
    "Status",
    "StoredEvent",
    "StoredEventEvent",
    "StoredEvents",
    "Timeline",
    "TimelineEntry",
    "TimeTravelCustomerChangesClock",
    "TimeTravelFunnelChangesClock",
    "TimeTravelFunnelClock",
    "TrialLine",
    "VerificationSession",
    "Webhook",
    "WebhookCause",
    "WebhookDeliveries",
    "WebhookDelivery",
    "WebhookDeliveryLastOutcome",
    "WebhookDeliveryStatus",
    "WebhookRegistration",
    "WebhookRegistrationTypesItem",
    "WebhookSecret",
    "WebhookStatus",
    "WebhookTest",
    "WebhookTestEvent",
    "WebhookTestOutcome",
    "WebhookTypesItem",
)
