"""The demo: a partner, its customers, and everything that can become of them, through HTTP."""

from infrastructure.demo.show import run

__all__ = ["run"]
