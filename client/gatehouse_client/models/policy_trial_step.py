from typing import Literal

PolicyTrialStep = Literal["monitoring", "screening", "verification"]

POLICY_TRIAL_STEP_VALUES: set[PolicyTrialStep] = {
    "monitoring",
    "screening",
    "verification",
}


def check_policy_trial_step(value: str) -> PolicyTrialStep:
    if value in POLICY_TRIAL_STEP_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {POLICY_TRIAL_STEP_VALUES!r}")
