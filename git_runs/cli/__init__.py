"""What subcommands share: arguments, filters, pager and table."""
