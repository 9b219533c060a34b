"""What people see of a finished run: tables, figures, and the page that holds them."""
