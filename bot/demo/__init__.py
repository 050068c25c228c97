"""`ticketbridge demo`."""
