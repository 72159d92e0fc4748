"""Where the uptake values come from: citations by key.

Values were taken from the abstracts, and from one table, which is what could be read; the notes of the entries
say what was derived. Citations are as complete as the records read; where a record held no journal, the title
and the number of patients identify the work.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from seganypet.phantom.tracers.entries import ESTIMATE

_FDG = {
    "boktor2013": "Boktor RR et al., J Nucl Med 2013;54:677-682, doi 10.2967/jnumed.112.108530",
    "wang2007": "Wang Y et al., Standardized uptake value atlas, Mol Imaging Biol 2007;9:83-90, "
    "doi 10.1007/s11307-006-0075-y",
    "nakamoto2005": "Nakamoto Y et al., Normal FDG distribution patterns in the head and neck, Radiology 2005;234, "
    "doi 10.1148/radiol.2343030301",
    "kazama2005": "Kazama T et al., Eur J Nucl Med Mol Imaging 2005, PMID 16133379",
    "koga2003": "Koga H et al., An analysis of the physiological FDG uptake pattern in the stomach, "
    "Ann Nucl Med 2003",
    "koopman2016": "Koopman D et al., Current generation time-of-flight 18F-FDG PET/CT provides higher SUVs "
    "for normal adrenal glands, Ann Nucl Med 2016",
    "zhang2015": "Zhang W et al., J Med Imaging Health Inform 2015, doi 10.1166/jmihi.2015.1554",
    "pak2012": "Hepatic FDG uptake is not associated with hepatic steatosis but with visceral fat volume in "
    "cancer screening (96 subjects), Nucl Med Mol Imaging 2012",
    "diuretic2015": "J Nucl Med 2015;56(suppl 3):1434 (abstract, 76 patients before and after furosemide)",
    "lerman2004": "Lerman H et al., J Nucl Med 2004;45:266-271",
    "kim2019": "Kim TH et al., Radiol Oncol 2019;53:293-299",
    "kitajima2007": "Kitajima K et al., Ann Nucl Med 2007;21:405-410",
    "chetan2017": "Chetan MR et al., World J Radiol 2017;9:350-358, doi 10.4329/wjr.v9.i9.350",
    "miyauchi1996": "Miyauchi T, Wahl RL, Regional 2-[18F]fluoro-2-deoxy-D-glucose uptake varies in normal lung, "
    "Eur J Nucl Med 1996;23:517-523, "
    "doi 10.1007/BF00833385",
    "oliveira2015": "Oliveira AL et al., Visceral and subcutaneous adipose tissue FDG uptake by PET/CT, "
    "Obesity 2015;23:286-289, "
    "doi 10.1002/oby.20957",
    "insulin2013": "Proposal for an optimized protocol for intravenous administration of insulin, "
    "Nucl Med Commun 2013;34:271-275, doi 10.1097/MNM.0b013e32835d1034",
    "sts": "Own measurement in whole-body FDG PET of the Soft-tissue-Sarcoma collection (Vallieres M et al. "
    "2015, doi 10.7937/K9/TCIA.2015.7GO2GSKS): median of the body's soft tissue 0.55-0.61",
    "tiwari2012": "Tiwari BP et al., Indian J Nucl Med 2012;27:69-72, doi 10.4103/0972-3919.110678",
    "cypess2009": "Cypess AM et al., N Engl J Med 2009;360:1509-1517, PMC2859951",
    "intestine1998": "Factors influencing physiological FDG uptake in the intestine, "
    "Tokai J Exp Clin Med 1998;23:241-244",
    "gontier2008": "Gontier E et al., Eur J Nucl Med Mol Imaging 2008;35:95-99, doi 10.1007/s00259-007-0563-6",
    "bahler2016": "Bahler L et al., Metformin-related colonic glucose uptake, 2016 (270 FDG PET/CT)",
    "lee2013": "Lee JY et al., Korean J Radiol 2013;14:501-509, doi 10.3348/kjr.2013.14.3.501",
    "jerushalmi2009": "Jerushalmi J et al., J Nucl Med 2009;50:849",
    "brink2001": "Brink I et al., J Nucl Med 2001;42:591-595",
    "sugawara1999": "Sugawara Y et al., Splenic fluorodeoxyglucose uptake increased by granulocyte "
    "colony-stimulating factor therapy, J Nucl Med 1999",
    "nissan2021": "Nissan N et al., 18F-FDG of the breast during lactation, Eur Radiol 2021",
    "esma2012": "Risk factors for extensive skeletal muscle uptake in oncologic FDG-PET/CT, "
    "Nucl Med Commun 2012;33:648-655, doi 10.1097/MNM.0b013e328352290f",
    "kumar2006": "Kumar R et al., Standardized uptake values of normal breast tissue with FDG PET "
    "(96 patients), Mol Imaging Biol 2006",
    "breast2010": "FDG uptake in normal glandular tissue by age, menopause and density (149 patients), "
    "J Nucl Med 2010;51:347-352, doi 10.2967/jnumed.109.068718",
    "rcc2016": "FDG uptake of renal tumours by subtype and grade (92 tumours; normal kidneys as controls), "
    "PMC4890815",
    "gejunction": "Significance of incidental FDG uptake at the gastroesophageal junction (220 patients, "
    "151 with normal endoscopy; abstract)",
    "gastric2005": "FDG at the gastroesophageal junction and in the antrum (763 patients), "
    "J Nucl Med 2005;46:48",
    "mylohyoid2020": "Fluoro-deoxy-glucose uptake in the mylohyoid muscle: a common misconception, "
    "Nucl Med Commun 2020;41:452-458, doi 10.1097/MNM.0000000000001174",
    "liu2019": "Liu G et al., Iran J Radiol 2019;16(2):e84881, doi 10.5812/iranjradiol.84881 (343 patients)",
    "parlak2019": "Parlak Y et al., Baseline SUV range for liver and blood pool, Istanbul Med J 2019;20(5)",
    "jacene2011": "Jacene HA et al., Mol Imaging Biol 2011;13:1278-1283, doi 10.1007/s11307-010-0379-9",
    "haider2020": "Haider A et al., J Clin Med 2020;9:2279, doi 10.3390/jcm9072279",
    "kumar2014": "Kumar P et al., Indian J Nucl Med 2014;29:140-145, doi 10.4103/0972-3919.136559",
    "roy2009": "Roy FN et al., J Nucl Med 2009;50:178-183, doi 10.2967/jnumed.108.056283",
}
_PSMA = {
    "kurash2020": "Muchnik Kurash M et al., Sci Rep 2020;10:3109, doi 10.1038/s41598-020-60099-y",
    "psma1007_2024": "Evaluating the biodistribution for [68Ga]Ga-PSMA-11 and [18F]F-PSMA-1007, "
    "EJNMMI Res 2024, doi 10.1186/s13550-024-01097-3",
    "prasad2016": "Prasad V et al., Biodistribution of [68Ga]PSMA-HBED-CC in patients with prostate cancer "
    "(101 patients), Mol Imaging Biol 2016",
    "kleinnulent2018": "Klein Nulent TJW et al., Physiologic distribution of PSMA-ligand in salivary and "
    "seromucous glands (30 patients), Oral Surg Oral Med Oral Pathol Oral Radiol 2018, "
    "doi 10.1016/j.oooo.2018.01.011",
    "hoberueck2021": "Hoberück S et al., EJNMMI Res 2021;11:109, doi 10.1186/s13550-021-00845-z",
    "hurdles2017": "Evaluation of practical interpretation hurdles in 68Ga-PSMA PET/CT in 55 patients, "
    "Clin Nucl Med 2017;42(7)",
    "furosemide2022": "Effects of furosemide and tracer selection on urinary activity in PSMA PET/CT, "
    "EJNMMI Res 2022, doi 10.1186/s13550-022-00913-y",
    "lawal2025": "Lawal I et al., Bladder activity of different PSMA PET radioligands, preprint 2025, "
    "doi 10.21203/rs.3.rs-6537072/v1",
}
_DOTATATE = {
    "kuyumcu2013": "Kuyumcu S et al., Ann Nucl Med 2013, doi 10.1007/s12149-013-0718-4",
    "werner2019": "Werner RA et al., Impact of tumor burden on quantitative [68Ga]DOTATOC biodistribution, "
    "Mol Imaging Biol 2019",
    "boy2011": "Boy C et al., 68Ga-DOTATOC PET/CT and somatostatin receptor (sst1-sst5) expression in normal "
    "human tissue (120 patients), Eur J Nucl Med Mol Imaging 2011, doi 10.1007/s00259-011-1760-x",
    "prasad2010": "Prasad V, Baum RP, Biodistribution of the Ga-68 labeled somatostatin analogue DOTA-NOC "
    "(89 patients), Q J Nucl Med Mol Imaging 2010;54:61-67",
    "nakamoto2016": "Nakamoto Y et al., Physiological uptake of 68Ga-DOTATOC in normal organs "
    "(129 patients), J Nucl Med 2016;57(suppl 2):1505",
    "budak2023": "Sürer Budak E, Semiquantitative analysis of physiological biodistribution of 68Ga-DOTATATE "
    "and 68Ga-DOTANOC (40 patients), Forbes J Med 2023;4:116-125",
    "variable81": "Highly variable biodistribution of 68Ga-labeled somatostatin analogues 68Ga-DOTA-NOC and "
    "68Ga-DOTA-TATE in neuroendocrine tumors (81 patients)",
    "moradi2016": "Moradi F et al., Spectrum of 68Ga-DOTA TATE uptake, Clin Nucl Med 2016;41:e281-e287",
    "poeppel2011": "Poeppel TD et al., J Nucl Med 2011;52:1864",
    "ozguven2021": "Ozguven S et al., Mol Imaging Radionucl Ther 2021;30:39-46, "
    "doi 10.4274/mirt.galenos.2021.37268",
    "jacobsson2012": "Jacobsson H et al., Clin Nucl Med 2012, doi 10.1097/RLU.0b013e3182485110",
    "jallet2023": "Jallet L et al., Endocrine 2023, doi 10.1007/s12020-023-03664-5",
}
_FLT = {
    "vanderhiel2024": "van der Hiel B et al., Clin Nucl Med 2024;49:722-726, "
    "doi 10.1097/RLU.0000000000005281",
    "herrmann2008": "Herrmann K et al., In vivo characterization of proliferation for discriminating cancer "
    "from pancreatic pseudotumors, J Nucl Med 2008;49:1437",
    "hiniker2019": "Hiniker SM et al., Front Oncol 2019;9:467, table 2, doi 10.3389/fonc.2019.00467",
}
_FAPI = {
    "mu2022": "Mu X et al., Front Nucl Med 2022, doi 10.3389/fnume.2022.927843 ([18F]AlF-FAPI-04 and -42)",
    "liu2021": "Liu H et al., Front Med 2021, doi 10.3389/fmed.2021.782231",
    "wang2021": "Wang Q et al., Front Med 2021, doi 10.3389/fmed.2021.748683",
    "shi2021": "Shi X et al., Fibroblast imaging of hepatic carcinoma with 68Ga-FAPI-04 PET/CT, "
    "Eur J Nucl Med Mol Imaging 2021, doi 10.1007/s00259-020-04882-z",
    "hcc2023": "18F-FAPI against 18F-FDG PET/CT in 67 patients with hepatocellular carcinoma, PMC10614420",
    "giesel2021": "Giesel FL et al., Head-to-head intra-individual comparison of 68Ga-FAPI and 18F-FDG "
    "PET/CT (71 patients), Eur J Nucl Med Mol Imaging 2021, doi 10.1007/s00259-021-05307-1",
    "mu2025": "Mu J et al., Physiological uptake of 68Ga-FAPI-04 in female reproductive system, "
    "Mol Imaging Biol 2025, doi 10.1007/s11307-025-02011-6",
    "pancreas2021": "Non-malignant findings of focal 68Ga-FAPI-04 uptake in pancreas, "
    "Eur J Nucl Med Mol Imaging 2021, doi 10.1007/s00259-021-05194-6",
    "bentestuen2023": "Bentestuen M et al., Semin Nucl Med 2023, doi 10.1053/j.semnuclmed.2023.02.001",
}
SOURCES: Mapping[str, str] = MappingProxyType(
    {
        **_FDG,
        **_PSMA,
        **_DOTATATE,
        **_FLT,
        **_FAPI,
        ESTIMATE: "Set in relation to other tissues, as the entry's note says; no survey was read",
    }
)
