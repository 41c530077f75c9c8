"""A review with judgements, all of it made up for tests: no study here exists and nobody judged any."""

from __future__ import annotations

from pathlib import Path

#: Said wherever the judgements are shown.
ABOUT = "Made up for tests: no study here exists, and nobody judged any"

TRIALS = """study_id,year,country,design,events1,n1,events2,n2,weeks
Adams 2001,2001,Chile,parallel,12,60,20,58,8
Baker 2004,2004,Spain,parallel,5,44,11,45,6
Cole 2010,2010,,crossover,9,80,10,78,12
Dunn 2015,2015,Japan,parallel,30,150,41,152,8
Early 1990,1990,Peru,parallel,3,20,6,21,2
Fox 2020,2020,Kenya,parallel,0,25,0,24,8
"""

COHORTS = """study_id,year,country,events,n
North,2005,Chile,12,60
South,2008,Spain,9,44
East,2011,Japan,22,80
"""

ROB2 = """study,D1,D2,D3,D4,D5,overall,D2_reason,overall_reason
Adams 2001,Low,Low,Low,low,Low,Low,,
Baker 2004,Low,HIGH,Some concerns,,Low,High,"Open label, and half changed arms",The second domain decides
Dunn 2015,Low,Some concerns,Low,Low,Low,Some concerns,=cmd()|' /C calc'!A0,
Fox 2020,No information,Low,Low,Low,Low,Some concerns,,
"""

REVIEW = f"""
title = "Judged"
question = "Does it help?"
excluded_file = "excluded.csv"

[sheets.trials]
file = "trials.csv"
schema = "generic"

[sheets.cohorts]
file = "cohorts.csv"
schema = "generic"

[risk_of_bias]
tool = "RoB 2"
file = "bias.csv"
about = "{ABOUT}"
show = ["forest", "traffic_light", "summary"]

[[excluded]]
study = "Gray 2012"
reason = "no control group"
source = "https://example.org/gray"

[[analyses]]
id = "trials"
title = "Relapse"
question = "Does it prevent relapse?"
sheet = "trials"
measure = "RR"
columns = {{events1 = "events1", n1 = "n1", events2 = "events2", n2 = "n2"}}
profile = "house@1"
filters = [{{column = "year", at_least = 1995}}]
exclude = [{{row = "Cole 2010", reason = "crossover without a washout"}}]
characteristics = ["country", "design", "weeks"]

[analyses.grade]
kind = "interventions"
start = "high"
certainty = "moderate"
outcome = "Relapse within 12 weeks"
risk_of_bias = {{judgement = "serious", reason = "one trial of two thirds was open"}}
inconsistency = {{judgement = "not serious", reason = "all trials point one way"}}
indirectness = {{judgement = "not serious", reason = "the people we ask about"}}
imprecision = {{judgement = "serious", reason = "few events"}}
publication_bias = {{judgement = "undetected", reason = "registers were searched"}}
large_effect = {{judgement = "large", reason = "half the risk"}}
baselines = [
  {{per_1000 = 250, words = "people in usual care", source = "Register 2020, table 2"}},
]

[[analyses]]
id = "cohorts"
title = "Events in cohorts"
question = "How many?"
sheet = "cohorts"
measure = "PLO"
columns = {{events = "events", n = "n"}}
profile = "proportions-glmm@1"
unit = {{factor = 100, heading = "Per 100", axis = "Events, per 100 people"}}

[analyses.grade]
kind = "prognosis"
start = "high"
certainty = "low"
risk_of_bias = {{judgement = "serious", reason = "no cohort was judged"}}
inconsistency = {{judgement = "not serious", reason = "settings agree"}}
indirectness = {{judgement = "not serious", reason = "the people we ask about"}}
imprecision = {{judgement = "serious", reason = "few people"}}
publication_bias = {{judgement = "undetected", reason = "registers were searched"}}
"""

EXCLUDED = "study,reason,source\nHill 2013,duplicate of Dunn 2015,=HYPERLINK(1)\n"

FILES = {
    "trials.csv": TRIALS,
    "cohorts.csv": COHORTS,
    "bias.csv": ROB2,
    "excluded.csv": EXCLUDED,
    "review.toml": REVIEW,
}


def write_review(folder: Path, **changed: str) -> Path:
    """Write the review into a folder, some files otherwise (by their name up to the dot); return its path."""
    for name, text in FILES.items():
        (folder / name).write_text(changed.get(name.split(".")[0], text), encoding="utf-8")
    return folder / "review.toml"
