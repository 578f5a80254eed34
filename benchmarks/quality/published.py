"""What others published of the outside sets, for the tables of the model card. None of it was measured here."""

#: HatemojiCheck, accuracy and F1 of the hateful: Kirk et al. 2022 (https://arxiv.org/abs/2108.05921) and its model's card.
HATEMOJI_CHECK = {
    "Perspective IDENTITY_ATTACK (2021)": {"accuracy": 0.689, "f1": 0.754},
    "Perspective TOXICITY (2021)": {"accuracy": 0.650, "f1": 0.711},
    "BERT on Davidson et al.": {"accuracy": 0.578, "f1": 0.636},
}

#: HateCheck: Röttger et al. 2021 (https://aclanthology.org/2021.acl-long.4); both F1 from the authors' notebook
#: (paul-rottger/hatecheck-experiments). Perspective is IDENTITY_ATTACK at 0.5, asked in December 2020.
HATE_CHECK = {
    "Perspective IDENTITY_ATTACK (2020)": {
        "accuracy": 0.766,
        "hate_accuracy": 0.895,
        "non_hate_accuracy": 0.482,
        "f1": 0.841,
        "macro_f1": 0.702,
    },
    "BERT on Davidson et al.": {
        "accuracy": 0.632,
        "hate_accuracy": 0.755,
        "non_hate_accuracy": 0.360,
        "f1": 0.738,
        "macro_f1": 0.559,
    },
    "BERT on Founta et al.": {
        "accuracy": 0.602,
        "hate_accuracy": 0.655,
        "non_hate_accuracy": 0.485,
        "f1": 0.694,
        "macro_f1": 0.563,
    },
    "SiftNinja": {
        "accuracy": 0.332,
        "hate_accuracy": 0.090,
        "non_hate_accuracy": 0.866,
        "f1": 0.156,
        "macro_f1": 0.302,
    },
}

#: HateCheck by functionality and by group: accuracy of Perspective, of BERT on Davidson et al., of BERT on Founta et al.
HATE_CHECK_PARTS = {
    "derog_neg_emote_h": (0.986, 0.886, 0.907),
    "derog_neg_attrib_h": (0.957, 0.886, 0.843),
    "derog_dehum_h": (0.986, 0.914, 0.807),
    "derog_impl_h": (0.850, 0.714, 0.614),
    "threat_dir_h": (1.000, 0.872, 0.759),
    "threat_norm_h": (1.000, 0.914, 0.836),
    "slur_h": (0.660, 0.604, 0.410),
    "slur_homonym_nh": (0.633, 0.667, 0.700),
    "slur_reclaimed_nh": (0.284, 0.395, 0.333),
    "profanity_h": (1.000, 0.829, 0.729),
    "profanity_nh": (0.980, 0.990, 1.000),
    "ref_subs_clause_h": (0.993, 0.871, 0.807),
    "ref_subs_sent_h": (1.000, 0.857, 0.707),
    "negate_pos_h": (0.964, 0.850, 0.607),
    "negate_neg_nh": (0.038, 0.128, 0.120),
    "phrase_question_h": (0.993, 0.807, 0.750),
    "phrase_opinion_h": (0.985, 0.857, 0.759),
    "ident_neutral_nh": (0.841, 0.206, 0.587),
    "ident_pos_nh": (0.540, 0.217, 0.529),
    "counter_quote_nh": (0.156, 0.266, 0.329),
    "counter_ref_nh": (0.184, 0.291, 0.298),
    "target_obj_nh": (0.954, 0.877, 0.846),
    "target_indiv_nh": (0.846, 0.277, 0.554),
    "target_group_nh": (0.629, 0.355, 0.597),
    "spell_char_swap_h": (0.887, 0.699, 0.586),
    "spell_char_del_h": (0.743, 0.593, 0.479),
    "spell_space_del_h": (0.801, 0.681, 0.511),
    "spell_space_add_h": (0.740, 0.439, 0.376),
    "spell_leet_h": (0.682, 0.480, 0.439),
    "women": (0.805, 0.349, 0.523),
    "trans people": (0.808, 0.691, 0.694),
    "gay people": (0.808, 0.739, 0.743),
    "black people": (0.805, 0.698, 0.722),
    "disabled people": (0.798, 0.710, 0.371),
    "Muslims": (0.796, 0.722, 0.736),
    "immigrants": (0.805, 0.705, 0.589),
}
