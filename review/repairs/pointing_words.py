"""The words around links that only lead to a page elsewhere, as patterns for the shapes of blocks (linked_text.py).

In shapes a link is [text], or {text} if its text only points, is a title or names a page.
"""

from __future__ import annotations

import re

from review.repairs.linked_text import MARK

# In shapes: any link, and one that only points or is a title.
ANY_LINK = rf"(?:[{{\[][^\]}}]*[\]}}]{MARK}*)"
ANY_LINKS = re.compile(ANY_LINK)
POINTER = rf"(?:\{{[^\]}}]*\}}{MARK}*)"
NEXT = r"(?:,? and |,? or |, |; | \| )"
KIND = (
    r"(?:articles?|papers?|pages?|posts?|blogs?|blog posts?|tutorials?|videos?|talks?|discussions?|guides?|"
    r"introductions?|intro|overview|summary|links?|references?|resources?|questions?|threads?|documentation|docs|demo|review|"
    r"surveys?|account|treatment|read|start|starting point|place to start|write-?up|exposition|examples?|explanations?|"
    r"descriptions?|details?|info|information|background|reading|sites?|websites?|sources?|slides|lecture notes)"
)
DETERMINERS = (
    r"(?:(?:the|this|that|these|those|my|his|her|their|our|its|a|an|some|another|also|e\.g\.,?|for example,?|"
    r"wikipedia(?:['’]s)?|following|very|really|excellent|good|great|nice|more|recent|related|similar|classic|short|"
    r"official|useful|helpful|interesting|original) ){0,4}"
)
LINKS = rf"{DETERMINERS}{POINTER}(?: {KIND})?(?:{NEXT}{DETERMINERS}{POINTER})*"
ABOUT = (  # what the page is about, or good for; nothing that goes on to say something else
    r"(?: (?:\((?:pdf|video|html)\) ?)?(?:for|on|about|of|if|which|that|with|from|by|in|to|as|at|where|explaining|"
    r"describing|showing|discussing)\b"
    r"(?:(?!,? (?:but|so|because|however|although|note that)\b|, (?:and|or|while|if)\b)[^:;{}\[\]]){0,160})?"
)
FOR_MORE = (
    r"(?: for (?:an?|the|some|more|further|additional|full|details?|info|information|examples?|reasons?|reference|"
    r"background|explanations?|discussion)\b[^.:;{}\[\]]{0,60})?"
)
SAID = (
    r"(?:described|explained|shown|discussed|noted|mentioned|stated|outlined|seen|suggested|documented|detailed|"
    r"illustrated|demonstrated|indicated|introduced|listed|covered|proved|proven|derived)"
)
SOFTENED = (  # "For details you might also want to"; each word in one way only, so that long sentences take no time
    r"(?:(?:for|if|to|concerning) [^,:;{}\[\]]{3,100},? )?"
    r"(?:(?:also|and|but|then|please|so|you (?:can|may|might|could|should)|want to|e\.g\.,?|for example,?|"
    r"i(?:['’]d| would)|suggest|recommend|for instance,?|in addition,|additionally,) )*"
)
LOOK = (
    r"(?:see|read|check|check out|look (?:at|here|into)|(?:have|take) a (?:quick |closer )?look (?:at|here)|refer to|"
    r"consult|watch|browse|cf\.?|compare)"
)
SENTENCES = re.compile(
    "|".join(
        (
            # "Please see [this page] for more info"
            rf"{SOFTENED}{LOOK}(?: also)?,? {LINKS.replace(POINTER, ANY_LINK)}{ABOUT}",
            # "See this paper for a proof: https://..", "Read an introduction here: https://.."
            rf"{SOFTENED}{LOOK} (?:this|the|these|an?|some|various) [\w-]+{ABOUT}(?: here)?: ?{POINTER}",
            # "This post might help you imagine it: https://.."
            rf"(?:this|the following) {KIND}\b[^:;{{}}\[\]]{{0,80}} (?:might|may|could|can|should|will) (?:help|"
            rf"be (?:useful|helpful|of interest))\b[^:;{{}}\[\]]{{0,80}}: ?{POINTER}",
            # "Here is a good [tutorial] on that", "There is also [a paper] about it"
            rf"(?:also,? )?(?:here|there)(?:['’]s| is| are| was)(?: also)? {LINKS}{ABOUT}",
            # "Here is a good tutorial on knots: https://.."
            rf"(?:also,? )?(?:here|there)(?:['’]s| is| are| was)(?: also)? (?:an?|another|some|one)"
            rf"(?: [\w-]+){{0,3}} {KIND}{ABOUT}(?::|,| -| at| here:?)? ?{POINTER}",
            # "[Here] is an example of its use, and [here] is another one"
            rf"\{{(?:here|this)\}}{MARK}* (?:is|are|was) (?:probably |also )*(?:an?|another|one|some|the|more)"
            rf"(?: [\w-]+){{0,3}} {KIND}{ABOUT}"
            rf"(?:,? and \{{(?:here|this)\}}{MARK}* (?:is|are) (?:an?|another|one|some)\b[^:;{{}}\[\]]{{0,100}})?",
            # "You can read about it [here]"
            rf"{SOFTENED}(?:read|learn|find|find out)(?: [\w'’-]+){{0,8}}?(?: (?:in|at|on|from|over))? {LINKS}{ABOUT}",
            # "More on this [here]", "More details can be found in [this post]", "A good overview is [this paper]"
            rf"(?:some |much |a lot )?(?:more|further|additional)\b[^:;{{}}\[\]]{{0,80}}:? ?{LINKS}{ABOUT}",
            rf"(?:an?|another|one) (?:very |really )?(?:good|great|nice|excellent|useful|helpful|interesting) "
            rf"(?:[\w-]+ ){{0,2}}{KIND}{ABOUT} is {LINKS}{ABOUT}",
            # "The syntax is described [here]"
            rf"[^:;,{{}}\[\]]{{3,80}} (?:is|are|was|were|can be) (?:[\w]+ly |also |well )?{SAID}"
            rf"(?: in (?:more |greater |great |full |some )?detail)?(?: (?:in|on|at|by)(?: the [\w .]{{0,30}})?)? "
            rf"{LINKS}{FOR_MORE}",
            # "A review of the book can be found on their website [here]"
            rf"[^:;,{{}}\[\]]{{0,40}}\b{KIND}\b[^:;,{{}}\[\]]{{0,60}} can (?:also )?be found"
            rf"(?: (?:in|on|at|by)(?: (?:the|its|his|her|their) [\w .]{{0,30}})?)? {LINKS}{FOR_MORE}",
            # "Ada has a nice introduction to it [here]"
            rf"(?:[\w.'’-]+ ){{1,4}}(?:has|gives|wrote|provides) an? (?:[\w-]+ ){{0,3}}{KIND}{ABOUT} {LINKS}",
            # "You may find this post helpful: https://.."
            rf"you (?:may|might|could) (?:also )?find {DETERMINERS}(?:{KIND}: ?{POINTER}|{KIND} (?:helpful|useful|"
            rf"interesting|of interest): ?{POINTER}|{POINTER}(?: {KIND})? (?:helpful|useful|interesting|of interest))",
            # "I also found [this page]"
            rf"i(?:['’]ve| have)? (?:also |just |recently )?(?:(?:found|came across|stumbled (?:up)?on) {LINKS}|"
            rf"\{{found (?:this|these|an?) [^\]}}]*\}}{MARK}*){ABOUT}",
        )
    ),
    re.I,
)
# What these sentences would lead to is a part of the answer: "Here is [the code]".
PARTS = (
    r"(?:code|scripts?|proofs?|lists?|tables?|images?|pictures?|screenshots?|diagrams?|figures?|graphs?|plots?|"
    r"patch|implementations?|solutions?|downloads?|gists?|fiddles?|jsfiddles?|demos?|samples?|snippets?)"
)
# A sentence that says what is there, beside where it is: "an implementation from Kaldi".
SAYS_MORE = re.compile(
    r"(?<![.!?:] )(?<!^)(?<![\w'’-])(?!I\b|I['’]|Wiki|SO\b|SE\b|Stack|MathOverflow|PDF|Google|YouTube)[A-Z][\w+#-]+|"
    r"\b(?:implementations?|implemented|experiments?|data ?sets?|tools?|library|libraries|packages?|by default)\b"
)
CONTENT = re.compile(rf"\{{[^\]}}]*\b{PARTS}\b|\b{PARTS} (?:(?:is|are|can be found) )?(?:(?:at|in|on|from) )?\{{", re.I)
# A sentence that offers more than the answer needs.
FURTHER = re.compile(
    r"(?:for (?:\w+ ){0,3}?(?:more|further|additional|full) (?:details?|info|information|reading|explanation|"
    r"discussion|examples?|on|about)\b|for (?:details|further)\b|(?:some |much |a lot )?more (?:details?|info|"
    r"information|examples?|reading|on|about)\b|(?:you|one) (?:can|could|may|might) (?:also )?(?:find|read|see|learn|"
    r"get) (?:\w+ ){0,3}?(?:more|further|details?|additional)\b|see also\b|also see\b|further (?:reading|details?|"
    r"info|information)\b|if you(?:['’]d| would|['’]re| are)? (?:want|wish|like|need|"
    r"interested)\b[^.]{0,40}?\b(?:more|details?|further)\b|"
    r"(?:read|learn|find out) more\b|see (?:\[\w+\]|here|this)\S* for (?:more|further|details)\b)",
    re.I,
)
LABEL = (
    r"(?:(?:project |home ?|product |blog |wikipedia |msdn |original |official |some |a few |other |more |useful |"
    r"helpful |related |relevant |additional |external |quoted |taken )*"
    r"(?:references?|refs?|sources?|see also|also see|further reading|reading|more info(?:rmation)?|more details|"
    r"details|links?|credits?|related|documentation|docs|learn more|read more|also of interest|via|citations?|"
    r"page|site|website|homepage|blog|repository|repo|github|wikipedia|msdn|mdn|article|paper|"
    r"related (?:questions?|posts?)|bibliography))"
)
# "Source: [The Book of Knots]", and a sentence that is nothing else than links.
LABELLED = re.compile(
    rf"[*_]*(?:{LABEL}[*_]*\.?(?: ?:[*_]*| -|(?<=see also)|(?<=also see)|(?<=of interest)|(?<=via)) ?)"
    rf"{ANY_LINK}(?:(?:{NEXT}|,? ){ANY_LINK})*[*_]*",
    re.I,
)
YEAR = re.compile(r"\b(?:19|20)\d\d[a-z]?\)?[.,]$")
STATEMENT = re.compile(r"(?!(?:how|why|what|when|where|which|on)\b).*[.!]", re.I | re.S)
LINKS_ONLY = re.compile(rf"[*_]*{ANY_LINK}(?:(?:{NEXT}|,? ){ANY_LINK})*[*_]*", re.I)
# A line of a list of links: "1. [The Book of Knots]", "Blog: [..]".
LINE_OF_LINKS = re.compile(
    rf"(?:[-*+]|\d+[.)])?\s*(?:\\?\|\d+\\?\|:?\s*)?[*_]*(?:{LABEL}[*_]*:?[*_]*\s*)?{ANY_LINK}(?:(?:{NEXT}|[,;|]?\s+){ANY_LINK})*"
    r"[\s.*_\\]*",
    re.I,
)
HEADING_OF_LINKS = re.compile(rf"[\s#*_]*{LABEL}[\s*_]*:?[\s*_]*", re.I)
# "See the following articles for details:", before a list of links.
LEADS_TO_LIST = re.compile(
    rf"{SOFTENED}(?:(?:{LOOK}|{LABEL})\b[^:;{{}}\[\]]{{0,100}}|(?:here|there) are (?:some|a few|several) (?:more )?"
    r"(?:useful |helpful |good |related )*(?:links|references|articles|posts|further)\b[^:;{}\[\]]{0,60}):[*_]*",
    re.I,
)
# The last sentence before links, which they are a part of.
ANNOUNCES = re.compile(
    r"\b(?:following|below|these|here (?:is|are)|try this|this (?:[\w-]+ ){0,4}(?:tools?|(?:web)?site|page|link|"
    r"plug-?in|library|program|service|app|article|post|paper|video|question|thread|book|course|tutorial))\b"
    r"[^.!?\n]{0,120}[.!?]?[)*_]*\Z",
    re.I,
)
# How a text ends that is complete without links after it.
COMPLETE = re.compile(r"(?<!e\.g)(?<!i\.e)(?<!eg)[.!?][)*_\"”’]*(?:\\?\[\d+\\?\])*\Z", re.I)
# After what would go: what begins so speaks of it, in the next block or the next sentence.
_REMARK = r"(?:anyway|sadly|unfortunately|luckily|basically|quick|in short|(?:the )?(?:summary|abstract|gist|idea))"
_IT = r"(?:[\w'’-]+,? ){0,3}?(?:it(?:['’]s)?|they|them|he|she|his|her|its|their|the (?:author|latter|former)s?)"
LEANS_ON_BLOCK = re.compile(
    rf"[\s(*_]*(?:it(?!['’]s\b| is\b| was\b| seems\b| may\b| might\b)|they|this|that|these|those|he|she|his|her|its|"
    rf"their|both|in particular|especially|in it|in there|section|chapter|page|figure|scroll|skip|{_REMARK})\b",
    re.I,
)
LEANS_ON_SENTENCE = re.compile(
    rf"[\s(*_]*(?:not|sorry|this|that|these|those|there|both|in particular|especially|"
    rf"in it|in there|from there|section|chapter|page|figure|scroll|skip|just|and|or|then|also|so|but|however|now|"
    rf"finally|second(?:ly)?|instead|otherwise|again|another|other|note|to do (?:this|that|what)|{_REMARK}|{_IT})\b",
    re.I,
)

# Around links that are all of a parenthesis, as in "(see [here] or [here] for details)".
OPENS = re.compile(
    r":?(?:[ \t]*\n[ \t>]*)?[ \t]*\((?:(?:see|cf|e\.g|for example|for instance|also|here|from|via|source|docs?|link|"
    r"more|read|the|their|this|paper|article|described|explained|discussed|as|is|in|at|got it|taken|found|adapted|"
    r"copied)[.:,]*\s*)*$",
    re.I,
)
BETWEEN = re.compile(
    r"(?:[\s,;/|]|\band\b|\bor\b|\balso\b|\bsee\b|\b(?:article|page|post|paper)\b|\bfor (?:more |further )?"
    r"(?:details?|info(?:rmation)?|more|example)\b|\bfor (?:[\w'’-]+ ){1,5}[\w'’-]+(?=\)))*",
    re.I,
)
# Clauses, and what ends them.
SEE_CLAUSE = re.compile(
    r"(?:[,;:]| [-–—]+) (?:(?:and|but|also|please|e\.g\.,?|for example,?|for instance,?|or) )*(?:see|cf\.?)"
    rf"(?: also)?(?: e\.g\.,?)? {LINKS}{FOR_MORE}(?=[.!)]|\s*\Z)",
    re.I,
)
AS_CLAUSE = re.compile(
    rf"(?:, (?:as )?(?:also )?(?:is )?{SAID}(?: (?:in|by|at|on|from|over))?(?: here:)? {LINKS}|, as per {LINKS}"
    rf"|, (?:as )?(?:you can|can be) seen? (?:in |on |at )?{LINKS}"
    rf"|, \{{(?:as|for example|e\.g\.|see|like)\b[^\]}}]*\}}{MARK}*)(?=[,.;)]|\s*\Z)",
    re.I,
)
# "the notes contain it -- they can be found on his page [here]"
WHERE_CLAUSE = re.compile(
    rf"(?:,| [-–—]+) (?:which|it|they) (?:can be found|is available|are available|you can (?:find|download|get|read))"
    rf"(?: [\w'’-]+){{0,5}} {LINKS}(?=[.!)]|\s*\Z)",
    re.I,
)
FROM_HERE = re.compile(
    rf"(?: right)?(?: (?:from|at|via|over))? \{{(?:from |over )?here\}}{MARK}*(?=[.,;)!]|\s*\Z)", re.I
)
# "can be downloaded here: https://..", "PHPPass <https://..>", "holds [1](..).", "- Barnacle: https://.."
FROM_ADDRESS = re.compile(rf" here: ?\{{\}}{MARK}+(?=[.,;)!]|\s*\Z)", re.I)
AFTER_NAME = re.compile(rf" (?:\{{\}}{MARK}+|\(\{{\}}{MARK}+\))(?=[\s.,;)!?]|\Z)")
_NUMBER = rf"\{{[\s\\|]*\d{{1,2}}[\s\\|]*\}}{MARK}*"
CITATION = re.compile(rf"[ ,]{{0,3}}{_NUMBER}(?:,? ?{_NUMBER})*(?=[.,;:)]|\s*\Z)")
ITEM_ADDRESS = re.compile(rf"(?::| -| –)? ?\{{\}}{MARK}+(?=\s*\Z)")
CLAUSES = (
    SEE_CLAUSE,
    AS_CLAUSE,
    WHERE_CLAUSE,
    FROM_HERE,
    FROM_ADDRESS,
    AFTER_NAME,
    CITATION,
    ITEM_ADDRESS,
)
# What stands before such a clause.
ENDS_IN_NAME = re.compile(r"(?<=\s)(?:\w*[A-Z][\w.+#-]*\w|[A-Z]|`[^`]+`)[*_\"”’]*$")
NEEDS_NUMBER = re.compile(
    r"\b(?:see|in|ref|refs|reference|references|from|and|by|step|section|chapter|of|to)\.?$", re.I
)
ONLY_NAME = re.compile(
    r"(?!.*['’]s$)[*_`]*(?!(?:See|Here|Source|Link|From|Via|Try|Use|Or|And|At|In)\b)"
    r"[A-Z][\w.+#-]*(?: [\w.+#'’-]+){0,3}[*_`]*"
)
CAN_BE_HAD = re.compile(
    r"\b(?:download(?:ed|able)?|install(?:ed)?|obtain(?:ed)?|available)"
    r"(?: (?!is\b|are\b|was\b|be\b|found\b)\w+){0,6}$",
    re.I,
)
# What no sentence ends with.
DANGLES = re.compile(
    r"\b(?:is|are|was|were|be|been|has|have|at|in|on|from|of|to|the|an?|and|or|but|see|as|by|with|for|via|that|which|like|"
    r"than|found|here|this|these|my|your|its|their|called|named|using|use)$",
    re.I,
)
# The beginning of a sentence that has nothing else to say: "For an example of it, see [this paper]".
NEEDS_MAIN = re.compile(
    r"(?:for|to|if|regarding|concerning|about|as for|when|while|although|because|since|in case)\b[^,]*$", re.I
)
# Whether a comma stays where a clause between two commas was.
NEEDS_COMMA = re.compile(r"(?:when|if|as|since|while|for|in|after|before|because|although|though|unless|once)\b", re.I)
GOES_ON = re.compile(r" (?:and|but|or|so|which|who|where)\b")
CONJUNCTION = re.compile(r"\b(?:because|that|and|but|or|so|if|when|which|where|while)$", re.I)
