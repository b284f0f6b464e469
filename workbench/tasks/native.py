"""Prompts in the item's own language: options of readers, by task.

The words between the published texts are those in use, such as in lm-evaluation-harness; nobody who speaks
the languages has checked them here. Its Arabic *no* in XNLI is the word for a number, and its French *no* in
PAWS-X is English: here they are لا and Non.
"""

from typing import Any

_MGSM = {
    "bn": ("প্রশ্ন:", "উত্তর:"),
    "de": ("Frage:", "Antwort:"),
    "en": ("Question:", "Answer:"),
    "es": ("Pregunta:", "Respuesta:"),
    "fr": ("Question :", "Réponse :"),
    "ja": ("問題:", "答え:"),
    "ru": ("Задача:", "Ответ:"),
    "sw": ("Swali:", "Jibu:"),
    "te": ("ప్రశ్న:", "సమాధానం:"),
    "th": ("โจทย์:", "คำตอบ:"),
    "zh": ("问题:", "解答:"),
}
_MATHS = {"template": {code: f"{ask} {{question}}\n{say}" for code, (ask, say) in _MGSM.items()}}

_XNLI = {
    "ar": ("صحيح", "نعم", "لذا", "لا"),
    "bg": ("правилно", "да", "така", "не"),
    "de": ("richtig", "Ja", "Auch", "Nein"),
    "el": ("σωστός", "Ναί", "Έτσι", "όχι"),
    "en": ("right", "Yes", "Also", "No"),
    "es": ("correcto", "Sí", "Asi que", "No"),
    "fr": ("correct", "Oui", "Aussi", "Non"),
    "hi": ("सही", "हाँ", "इसलिए", "नहीं"),
    "ru": ("правильно", "Да", "Так", "Нет"),
    "sw": ("sahihi", "Ndiyo", "Hivyo", "Hapana"),
    "th": ("ถูกต้อง", "ใช่", "ดังนั้น", "ไม่"),
    "tr": ("doğru", "Evet", "Böylece", "Hayır"),
    "ur": ("صحیح", "جی ہاں", "اس لئے", "نہیں"),
    "vi": ("đúng", "Vâng", "Vì vậy", "Không"),
    "zh": ("正确", "是的", "所以", "不是的"),
}
_PAWSX = {
    "de": ("richtig", "Nein", "Ja"),
    "en": ("right", "No", "Yes"),
    "es": ("verdad", "No", "Sí"),
    "fr": ("n'est-ce pas", "Non", "Oui"),
    "ja": ("ですね", "いいえ", "はい"),
    "ko": ("맞죠", "아니요", "예"),
    "zh": ("对吧", "不是", "是"),
}
_XCOPA = {
    "en": ("because", "so"),
    "et": ("sest", "seetõttu"),
    "ht": ("poukisa", "donk sa"),
    "id": ("karena", "maka"),
    "it": ("perché", "quindi"),
    "qu": ("imataq", "chaymi"),
    "sw": ("kwa sababu", "kwa hiyo"),
    "ta": ("காரணமாக", "எனவே"),
    "th": ("เพราะ", "ดังนั้น"),
    "tr": ("çünkü", "bu yüzden"),
    "vi": ("bởi vì", "vì vậy"),
    "zh": ("因为", "所以"),
}

NATIVE: dict[str, dict[str, Any]] = {
    "xcopa": {"connectors": _XCOPA},
    "mgsm": _MATHS,
    "msvamp": {"template": {code: text for code, text in _MATHS["template"].items() if code != "te"}},
    "xnli": {
        "template": {code: f"{{premise}}, {said[0]}?" for code, said in _XNLI.items()},
        "words": {code: said[1:] for code, said in _XNLI.items()},
    },
    "pawsx": {
        "template": {code: f"{{clause}}, {said[0]}?" for code, said in _PAWSX.items()},
        "words": {code: said[1:] for code, said in _PAWSX.items()},
    },
}
"""Tasks that can be asked in the item's language, and the options of their readers that do it."""
