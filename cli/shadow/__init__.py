"""`tierline shadow`: a candidate policy beside the running system, which it neither tells nor touches."""
