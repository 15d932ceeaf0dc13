"""What an installation is made of: policy, roster, migrations, demo."""
