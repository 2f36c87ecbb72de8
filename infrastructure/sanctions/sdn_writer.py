"""Writes a list in the format of OFAC's `sdn_advanced.xml`, of any size: for the demo, the tests and the bench.

Sections, elements and attributes stand in OFAC's order; of the reference values, only those that are
referred to. The names are placeholders, and a comment says that OFAC published none of it.
"""

import re
from collections.abc import Iterable
from datetime import date
from typing import BinaryIO, Final
from xml.sax.saxutils import escape

from infrastructure.sanctions.sdn_advanced import NAMESPACE

_WORD: Final = re.compile(r"[!-~]+")  # visible ASCII: what every published address and currency is made of
_FILLER: Final = "1"
_FILLER_FEATURES: Final = 8

_HEAD: Final = """\
<?xml version="1.0" encoding="utf-8"?>
<!-- Written by Gatehouse in OFAC's format. OFAC did not publish this list. -->
<Sanctions xmlns="{namespace}" Version="3">
  <DateOfIssue CalendarTypeID="1">
    <Year>{year}</Year>
    <Month>{month}</Month>
    <Day>{day}</Day>
  </DateOfIssue>
  <ReferenceValueSets>
    <AliasTypeValues>
      <AliasType ID="1403">Name</AliasType>
    </AliasTypeValues>
    <CalendarTypeValues>
      <CalendarType ID="1">Gregorian</CalendarType>
    </CalendarTypeValues>
    <DetailTypeValues>
      <DetailType ID="1432">TEXT</DetailType>
    </DetailTypeValues>
    <DocNameStatusValues>
      <DocNameStatus ID="1">Primary Latin</DocNameStatus>
    </DocNameStatusValues>
    <EntryEventTypeValues>
      <EntryEventType ID="1">Created</EntryEventType>
    </EntryEventTypeValues>
    <FeatureTypeValues>
      <FeatureType ID="1" FeatureTypeGroupID="1">Filler</FeatureType>
{currencies}\
    </FeatureTypeValues>
    <FeatureTypeGroupValues>
      <FeatureTypeGroup ID="1">Unknown</FeatureTypeGroup>
    </FeatureTypeGroupValues>
    <IdentityFeatureLinkTypeValues>
      <IdentityFeatureLinkType ID="1">Unknown</IdentityFeatureLinkType>
    </IdentityFeatureLinkTypeValues>
    <LegalBasisValues>
      <LegalBasis ID="1" LegalBasisShortRef="Unknown" LegalBasisTypeID="1" SanctionsProgramID="1">\
Unknown</LegalBasis>
    </LegalBasisValues>
    <LegalBasisTypeValues>
      <LegalBasisType ID="1">Unknown</LegalBasisType>
    </LegalBasisTypeValues>
    <ListValues>
      <List ID="1550">SDN List</List>
    </ListValues>
    <NamePartTypeValues>
      <NamePartType ID="1525">Entity Name</NamePartType>
    </NamePartTypeValues>
    <PartySubTypeValues>
      <PartySubType ID="3" PartyTypeID="2">Unknown</PartySubType>
    </PartySubTypeValues>
    <PartyTypeValues>
      <PartyType ID="2">Entity</PartyType>
    </PartyTypeValues>
    <ReliabilityValues>
      <Reliability ID="1">Unknown</Reliability>
    </ReliabilityValues>
    <SanctionsProgramValues>
      <SanctionsProgram ID="1" SubsidiaryBodyID="1">Unknown</SanctionsProgram>
    </SanctionsProgramValues>
    <SanctionsTypeValues>
      <SanctionsType ID="1">Program</SanctionsType>
    </SanctionsTypeValues>
    <ScriptValues>
      <Script ID="215" ScriptCode="Latn">Latin</Script>
    </ScriptValues>
    <ScriptStatusValues>
      <ScriptStatus ID="1">Unknown</ScriptStatus>
    </ScriptStatusValues>
    <SubsidiaryBodyValues>
      <SubsidiaryBody ID="1" Notional="false" DecisionMakingBodyID="1">Unknown</SubsidiaryBody>
    </SubsidiaryBodyValues>
  </ReferenceValueSets>
  <Locations />
  <IDRegDocuments />
  <DistinctParties>
"""
_CURRENCY: Final = """\
      <FeatureType ID="{kind}" FeatureTypeGroupID="1">Digital Currency Address - {currency}</FeatureType>
"""
_PARTY: Final = """\
    <DistinctParty FixedRef="{id}">
      <Comment />
      <Profile ID="{id}" PartySubTypeID="3">
        <Identity ID="{id}" FixedRef="{id}" Primary="true" False="false">
          <Alias FixedRef="{id}" AliasTypeID="1403" Primary="true" LowQuality="false">
            <DocumentedName ID="{id}" FixedRef="{id}" DocNameStatusID="1">
              <DocumentedNamePart>
                <NamePartValue NamePartGroupID="{id}" ScriptID="215" ScriptStatusID="1" Acronym="false">\
WRITTEN ENTRY {id}</NamePartValue>
              </DocumentedNamePart>
            </DocumentedName>
          </Alias>
          <NamePartGroups>
            <MasterNamePartGroup>
              <NamePartGroup ID="{id}" NamePartTypeID="1525" />
            </MasterNamePartGroup>
          </NamePartGroups>
        </Identity>
{features}\
      </Profile>
    </DistinctParty>
"""
_FEATURE: Final = """\
        <Feature ID="{id}" FeatureTypeID="{kind}">
          <FeatureVersion ID="{id}" ReliabilityID="1">
            <Comment />
            <VersionDetail DetailTypeID="1432">{text}</VersionDetail>
          </FeatureVersion>
          <IdentityReference IdentityID="{profile}" IdentityFeatureLinkTypeID="1" />
        </Feature>
"""
_BETWEEN: Final = """\
  </DistinctParties>
  <ProfileRelationships />
  <SanctionsEntries>
"""
_ENTRY: Final = """\
    <SanctionsEntry ID="{id}" ProfileID="{id}" ListID="1550">
      <EntryEvent ID="{id}" EntryEventTypeID="1" LegalBasisID="1">
        <Comment />
        <Date CalendarTypeID="1">
          <Year>{year}</Year>
          <Month>{month}</Month>
          <Day>{day}</Day>
        </Date>
      </EntryEvent>
      <SanctionsMeasure ID="{id}" SanctionsTypeID="1">
        <Comment>WRITTEN</Comment>
        <DatePeriod CalendarTypeID="1" YearFixed="true" MonthFixed="true" DayFixed="true" />
      </SanctionsMeasure>
    </SanctionsEntry>
"""
_TAIL: Final = """\
  </SanctionsEntries>
  <SanctionsEntryLinks />
</Sanctions>
"""


def write(stream: BinaryIO, *, published: date, addresses: Iterable[tuple[str, str]], filler: int = 0) -> None:
    """Write a party for each (currency, address), then `filler` parties without one, about 5 kB each.

    A party's profile is its number, from 1. Only the addresses are held in memory.
    Raises ValueError for a currency or an address that is not visible ASCII.
    """
    listed = list(addresses)
    for word in (word for pair in listed for word in pair):
        if not _WORD.fullmatch(word):
            raise ValueError(f"no currency or address of a list: {word!r}")
    kinds = {currency: str(kind) for kind, currency in enumerate(dict.fromkeys(c for c, _ in listed), 1000)}
    day = {"year": published.year, "month": published.month, "day": published.day}

    def put(text: str) -> None:
        stream.write(text.encode())

    put(_HEAD.format(namespace=NAMESPACE, currencies="".join(map(_currency, kinds, kinds.values())), **day))
    for profile, (currency, address) in enumerate(listed, 1):
        put(_party(profile, [(kinds[currency], address)]))
    for profile in range(len(listed) + 1, len(listed) + filler + 1):
        put(_party(profile, [(_FILLER, f"No address in {profile}")] * _FILLER_FEATURES))
    put(_BETWEEN)
    for profile in range(1, len(listed) + filler + 1):
        put(_ENTRY.format(id=profile, **day))
    put(_TAIL)


def _currency(currency: str, kind: str) -> str:
    return _CURRENCY.format(kind=kind, currency=escape(currency))


def _party(profile: int, features: Iterable[tuple[str, str]]) -> str:
    written = (
        _FEATURE.format(id=f"{profile}{number:02}", kind=kind, text=escape(text), profile=profile)
        for number, (kind, text) in enumerate(features)
    )
    return _PARTY.format(id=profile, features="".join(written))
