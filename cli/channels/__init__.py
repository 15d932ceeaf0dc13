"""`tierline channels`: the ways out, and the letters that go out by them."""
