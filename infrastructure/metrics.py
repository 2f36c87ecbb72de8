"""What is counted, for Prometheus. Labels are routes, codes and names of ours, never anything a caller sent."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

REQUESTS: Final = Counter("gatehouse_requests", "HTTP requests answered", ["route", "status"])
LATENCY: Final = Histogram(
    "gatehouse_request_seconds",
    "Time to answer an HTTP request",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
)
PROJECTION_POSITION: Final = Gauge("gatehouse_projection_position", "Position a projection has reached", ["projection"])
PROJECTION_STOPPED: Final = Gauge("gatehouse_projection_stopped", "1 where an event stopped it", ["projection"])
LOG_POSITION: Final = Gauge("gatehouse_log_position", "Position of the newest event")
WORK_DUE: Final = Gauge("gatehouse_work_due", "Steps of the worklist that are due", ["kind"])
LOGINS_REFUSED: Final = Counter("gatehouse_logins_refused", "Wrong secrets, and bearers in masses", ["means"])
IGNORED_RESULTS: Final = Counter("gatehouse_ignored_results", "Late or repeated provider results", ["provider"])
PROVIDER_CALLS: Final = Counter("gatehouse_provider_calls", "Calls to providers", ["provider", "outcome"])
PROVIDER_LATENCY: Final = Histogram(
    "gatehouse_provider_seconds",
    "Time until a provider had answered, retries included",
    ["provider"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0),
)
SANCTIONS_LIST_AGE: Final = Gauge("gatehouse_sanctions_list_age_days", "Days since the list in force was published")
SANCTIONS_LIST_SAMPLE: Final = Gauge("gatehouse_sanctions_list_sample", "1 where the list in force is the sample")
TREE_SIZE: Final = Gauge("gatehouse_tree_size", "Entries in the transparency log's tree")
TREE_STOPPED: Final = Gauge("gatehouse_tree_stopped", "1 where an event that is no entry stopped the tree")
CHECKPOINT_SIZE: Final = Gauge("gatehouse_checkpoint_size", "Entries that the newest published checkpoint covers")
CHECKPOINT_AGE: Final = Gauge("gatehouse_checkpoint_age_seconds", "Seconds since a checkpoint was published last")
CHECKPOINT_COPIES: Final = Counter(
    "gatehouse_checkpoint_copies", "Attempts to copy a checkpoint to a second place", ["kind", "outcome"]
)
WEBHOOK_ATTEMPTS: Final = Counter("gatehouse_webhook_attempts", "Attempts to deliver a public event", ["outcome"])
WEBHOOK_LATENCY: Final = Histogram(
    "gatehouse_webhook_seconds",
    "Time of an attempt to deliver",
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
WEBHOOK_DELIVERIES_DUE: Final = Gauge("gatehouse_webhook_deliveries_due", "Deliveries of public events that are due")
