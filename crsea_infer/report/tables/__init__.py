"""Tables in ECSV, and what the page says of them."""
