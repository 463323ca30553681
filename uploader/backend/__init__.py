"""The self-hostable server of the flow."""
