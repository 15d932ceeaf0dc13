"""`tierline training`: lessons, questions, records, and who is trained for what."""
