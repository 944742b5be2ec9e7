"""Planning: what evidence a policy needs, told before a token is spent."""
