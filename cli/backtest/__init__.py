"""`tierline backtest`: a candidate policy over real history, against the policy that there is."""
