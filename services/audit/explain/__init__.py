"""Why a nominee stands where it stands: every figure traced to the events that it follows from."""
