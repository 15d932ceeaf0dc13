"""Role-plays: people decide, the real engine answers, and every point has its reason."""
