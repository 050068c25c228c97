"""What members decide about their own data and about messages to them."""
