"""`tierline roleplay`: escalations practised on the real engine, with nobody called."""
