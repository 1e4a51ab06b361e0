"""The check of the exercise about provenance: the right verifier passes, typical wrong ones are told what is off."""

import hashlib
import json

import pytest

from faceswap_lib.course.provenance_checks import check_verifier


def has_hash(content, claim):
    return json.loads(claim)["sha256"] == hashlib.sha256(content).hexdigest()


def right(content, claim, signature, signature_fits):
    if claim is None:
        return "no credentials"
    return "intact" if signature_fits(claim, signature) and has_hash(content, claim) else "altered"


def hash_alone(content, claim, signature, signature_fits):
    if claim is None:
        return "no credentials"
    return "intact" if has_hash(content, claim) else "altered"


def signature_alone(content, claim, signature, signature_fits):
    if claim is None:
        return "no credentials"
    return "intact" if signature_fits(claim, signature) else "altered"


def signature_of_the_content(content, claim, signature, signature_fits):
    if claim is None:
        return "no credentials"
    return "intact" if signature_fits(content, signature) and has_hash(content, claim) else "altered"


def hash_of_the_claim(content, claim, signature, signature_fits):
    if claim is None:
        return "no credentials"
    return "intact" if has_hash(claim, claim) and signature_fits(claim, signature) else "altered"


def missing_is_altered(content, claim, signature, signature_fits):
    return right(content, claim, signature, signature_fits) if claim else "altered"


def claim_is_always_there(content, claim, signature, signature_fits):
    return "intact" if has_hash(content, claim) and signature_fits(claim, signature) else "altered"


def test_a_verifier_that_checks_hash_and_signature_is_right():
    assert check_verifier(right) == "right"


@pytest.mark.parametrize(
    ("verify", "told"),
    [
        (lambda *_: "intact", "without a claim: expected 'no credentials'"),
        (hash_alone, "content and claim were changed"),
        (signature_alone, "hash the content"),
        (signature_of_the_content, "an honest file: expected 'intact'"),
        (hash_of_the_claim, "an honest file: expected 'intact'"),
        (missing_is_altered, "without a claim"),
        (claim_is_always_there, "your code stops with TypeError"),
        (lambda content: "intact", "stops with TypeError"),
    ],
)
def test_a_wrong_verifier_is_told_what_is_off(verify, told):
    assert told in check_verifier(verify)
