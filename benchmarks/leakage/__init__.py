"""How much untrusted text reaches a trusted role, in real flows of both frameworks."""
