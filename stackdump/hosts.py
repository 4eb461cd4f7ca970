"""The hosts of the Stack Exchange network: today's, and the other ways in which dumps and people write them.

Sources: Sites.xml of the official dump, https://stackexchange.com/sites, and the names of the archives in the quarterly
items. Sites that were closed are here too, because older dumps have them.
"""

from __future__ import annotations

from collections.abc import Iterator

NETWORK = ".stackexchange.com"

# Sites at <topic>.stackexchange.com, each with a meta at <topic>.meta.stackexchange.com.
TOPICS = tuple(
    """
    3dprinting academia ai alcohol android anime apple arduino astronomy augur aviation bicycles bioacoustics
    bioinformatics biology bitcoin blender boardgames bricks buddhism cardano chemistry chess chinese christianity
    civicrm codegolf codereview coffee communitybuilding computergraphics conlang cooking craftcms crafts crypto cs
    cseducators cstheory datascience dba devops diy drones drupal dsp earthscience ebooks economics electronics
    elementaryos ell emacs engineering english eosio esperanto ethereum expatriates expressionengine fitness
    freelancing french gamedev gaming gardening genai genealogy german gis graphicdesign ham hardwarerecs hermeneutics
    hinduism history homebrew hsm interpersonal iot iota islam italian japanese joomla judaism korean langdev
    languagelearning latin law lifehacks linguistics literature magento martialarts math matheducators mathematica
    mattermodeling mechanics medicalsciences monero money movies music musicfans mythology networkengineering opendata
    opensource or outdoors parenting patents pets philosophy photo physics pm poker politics portuguese proofassistants
    psychology puzzling quant quantumcomputing raspberrypi retrocomputing reverseengineering robotics rpg rus russian
    salesforce scicomp scifi security sharepoint sitecore skeptics softwareengineering softwarerecs solana sound space
    spanish sports sqa startups stats stellar substrate sustainability tex tezos tor travel tridion ukrainian unix ux
    vegetarianism vi video webapps webmasters windowsphone woodworking wordpress workplace worldbuilding writing
""".split()
)

# Sites with a domain of their own, each with a meta at meta.<host>.
DOMAINS = (
    "stackoverflow.com", "es.stackoverflow.com", "ja.stackoverflow.com", "pt.stackoverflow.com", "ru.stackoverflow.com",
    "askubuntu.com", "mathoverflow.net", "serverfault.com", "superuser.com",
)  # fmt: skip

WITHOUT_META = ("meta.stackexchange.com", "stackapps.com")

# Old topics: today's. Every quarterly item up to 2025-12 has archives under the old names, except `programmers`, which
# is in dumps up to 2016.
RENAMED = {
    "avp": "video",
    "beer": "alcohol",
    "cogsci": "psychology",
    "health": "medicalsciences",
    "materials": "mattermodeling",
    "moderators": "communitybuilding",
    "programmers": "softwareengineering",
    "writers": "writing",
}


def _spellings() -> Iterator[tuple[str, str]]:
    """(a way to write a host, the host of today) for every site."""
    for topic, today in [*zip(TOPICS, TOPICS, strict=True), *RENAMED.items()]:
        yield f"{topic}{NETWORK}", f"{today}{NETWORK}"
        yield f"{topic}.meta{NETWORK}", f"{today}.meta{NETWORK}"
        yield f"meta.{topic}{NETWORK}", f"{today}.meta{NETWORK}"  # as in dumps up to 2014
    for host in DOMAINS:
        yield host, host
        yield f"meta.{host}", f"meta.{host}"
        language, dot, domain = host.partition(".stackoverflow.")
        if dot:
            yield f"{language}.meta{dot}{domain}", f"meta.{host}"  # as in the quarterly items
    for host in WITHOUT_META:
        yield host, host


# Any host, old or new, in lower case -> the host of today.
HOSTS: dict[str, str] = dict(_spellings())


def _short_names() -> Iterator[tuple[str, str]]:
    """(a host without the end that people leave out, the host of today), metas in both orders."""
    for spelling, host in HOSTS.items():
        without_top = spelling.rpartition(".")[0]
        for short in (spelling.removesuffix(NETWORK), without_top):
            yield short, host
            if short.startswith("meta."):
                yield f"{short.removeprefix('meta.')}.meta", host
            elif short.endswith(".meta"):
                yield f"meta.{short.removesuffix('.meta')}", host


# `math`, `math.meta`, `meta.math`, `math.stackexchange`, `stackoverflow`, `askubuntu.meta` ... -> the host of today.
SHORT_NAMES: dict[str, str] = dict(_short_names())
