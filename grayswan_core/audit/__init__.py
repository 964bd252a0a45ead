"""What an audit sees, and its report: the parts of it that know no framework.

An adapter hands on what its framework tells: texts from outside, what a model is sent, what it
writes (`watch`). What of the first stands in the second is a finding (`report`).
"""

from grayswan_core.audit.records import Finding, Kind, Model, Sent, Source
from grayswan_core.audit.report import Report
from grayswan_core.audit.watch import Audit

__all__ = ["Audit", "Finding", "Kind", "Model", "Report", "Sent", "Source"]
