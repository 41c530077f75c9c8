"""Columns that several sheets share: where a study was published, and where and how a figure was read."""

from __future__ import annotations

from extraction.codebook import Column

VERIFICATION = Column(
    "verification",
    "category",
    "How the figures of the row were obtained",
    required=True,
    allowed=(
        ("seen", "printed in the source"),
        ("derived", "arithmetic on printed figures; the note says how"),
    ),
)

STUDY_ID = Column(
    "study_id", "text", "Short name of the study, the same in all its rows (Agid2011)", required=True
)
AUTHORS = Column("authors_short", "text", "First author and others, as printed")
YEAR = Column("year", "year", "Year of publication; empty where the record does not show it")
TITLE = Column("title", "text", "Title of the publication; a description in brackets where it was not seen")
JOURNAL = Column("journal", "text", "Journal, with volume and pages where seen")
DOI = Column("doi", "text", "Digital object identifier, without https://doi.org/")
PMID = Column("pmid", "text", "PubMed number")
COUNTRY = Column("country", "text", "Country of recruitment; several joined by a slash")

#: Who published the study, and where.
BIBLIOGRAPHY = (AUTHORS, YEAR, TITLE, JOURNAL, DOI, PMID, COUNTRY)

SOURCE_LOCATION = Column(
    "source_location", "text", "Where in the source the figures were read: abstract, table, section"
)
SOURCE_URL = Column(
    "source_url",
    "link",
    "Web address of the source; several joined by ' ; '; empty where only a mirror was reachable",
)
NOTE = Column("note", "text", "How derived figures were derived, and anything a reader should know")

MEAN_AGE = Column("mean_age", "number", "Mean age", unit="years", above=0, high=120)
PCT_MALE = Column("pct_male", "percent", "Share of men", unit="percent")
WEEKS = Column(
    "weeks", "number", "Length of the observation that the figures refer to", unit="weeks", above=0
)

#: Which analyses may take a row of the TRS and clozapine sheets.
ANALYSIS_SET = Column(
    "analysis_set",
    "category",
    "Which analyses may take the row; coded by the review team",
    required=True,
    allowed=(
        ("primary", "main analyses"),
        ("sensitivity", "sensitivity analyses only; the note says why"),
        ("change_only", "gives a mean change and no responders"),
    ),
)

#: Which analyses may take a row of the TD sheets.
USABLE = Column(
    "usable",
    "category",
    "Which analyses may take the row; coded by the review team",
    required=True,
    allowed=(
        ("yes", "main analyses"),
        ("alternative", "another time point or row for the same people"),
        ("with_care", "usable with a reservation"),
        ("prevalence_only", "a prevalence, no incidence"),
        ("no", "not usable"),
    ),
)
USABLE_NOTE = Column("usable_note", "text", "Why the row is usable, or not")
OVERLAP_GROUP = Column("overlap_group", "text", "Rows with the same entry report on the same people")
TRIAL_ID = Column(
    "trial_id", "text", "Rows with the same entry come from the same trial, whose arms are different people"
)

#: Columns with which every TD sheet begins, after its row name.
TD_STUDY = (
    STUDY_ID,
    *BIBLIOGRAPHY,
    Column("design", "text", "Design, in the words of the source", required=True),
    Column("diagnosis", "text", "Diagnosis and kind of patients, in the words of the source"),
    Column(
        "td_type",
        "category",
        "Movement disorder that was counted or rated",
        required=True,
        allowed=(
            ("TD", "tardive dyskinesia"),
            ("TD (severe)", "tardive dyskinesia above a threshold of severity"),
            ("tardive dystonia", ""),
            ("TD and/or tardive dystonia", ""),
            ("TD or other drug-induced movement disorder", "wider than tardive dyskinesia"),
        ),
    ),
    Column("scale", "text", "Rating scale (AIMS, ESRS, Fahn-Marsden)"),
    Column(
        "n", "count", "People in the row; empty where the denominator is not printed", unit="people", low=1
    ),
    WEEKS,
    Column("mean_dose_mg", "number", "Mean dose of the drug of the row", unit="mg a day", low=0),
    MEAN_AGE,
    PCT_MALE,
    Column("risk_of_bias_note", "text", "What weakens the study, in words"),
    Column("biblio_recalled_fields", "text", "Bibliographic fields written from memory, not seen"),
)

#: Columns with which every TD sheet ends.
TD_SOURCE = (USABLE, USABLE_NOTE, OVERLAP_GROUP, TRIAL_ID, SOURCE_LOCATION, SOURCE_URL, VERIFICATION, NOTE)

#: Who was treated in a row of the TD improvement and severity sheets.
TD_TREATMENT = (
    Column("treatment", "text", "Drug of the row", required=True),
    Column(
        "role",
        "category",
        "Whether the row is about clozapine",
        required=True,
        allowed=(("clozapine", ""), ("comparator (not clozapine)", "another drug or placebo")),
    ),
)

ESTIMATE_ID = Column("estimate_id", "text", "Name of the row, unique in the sheet", required=True)

#: Results of a published synthesis.
TARGET_RESULT = (
    Column("estimate", "number", "Pooled estimate as printed; empty where only a direction is given"),
    Column("lower", "number", "Lower limit of its confidence interval"),
    Column("upper", "number", "Upper limit of its confidence interval"),
)
TARGET_ID = Column("target_id", "text", "Name of the row, unique in the sheet", required=True)
TARGET_ANALYSIS = Column("analysis", "text", "What was pooled, in words", required=True)
TARGET_PEOPLE = Column("N", "count", "People", unit="people")
TARGET_I2 = Column("I2", "percent", "I2 as printed", unit="percent")
TARGET_TAU2 = Column("tau2", "number", "tau2 as printed, on the scale of the analysis", low=0)
TARGET_Q_TEXT = Column("Q", "text", "Q as printed, with what it compares")
TARGET_P = Column("p", "text", "p-value or finding as printed")
TARGET_SOURCE = (
    Column("model_software", "text", "Model and software of the synthesis"),
    Column("source", "text", "Publication", required=True),
    SOURCE_URL,
    VERIFICATION,
    NOTE,
)
