"""The contract with publishers of facts, beside the service's own: who sends to its topics need not look for a file."""

from __future__ import annotations

from fastapi import APIRouter

from kernel.canonical import Json
from schemas.generate import FACTS, asyncapi_of

router = APIRouter()


@router.get("/asyncapi/facts.json", include_in_schema=False)
async def facts_contract() -> Json:
    """Serve topics, keys, headers and messages of facts as AsyncAPI, to everybody as `/asyncapi.json` is."""
    return asyncapi_of(FACTS)
