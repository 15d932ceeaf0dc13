"""The demo: a recorded week of a real helpdesk against the whole system, and a proof afterwards."""
