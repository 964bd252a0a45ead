"""Cygnal: a client of the monitor, and a guard that judges with it, for any framework."""
