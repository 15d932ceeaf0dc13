"""Tierline for programs: what an application imports."""
