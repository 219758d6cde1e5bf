"""Sites that use Bandeau, run by the tests."""
