<?php

/** Runs every case of vectors/assertion.json through the receiver. Usage: php vectors.php [FILE] */

declare(strict_types=1);

require __DIR__ . '/receiver.php';

$text = file_get_contents($argv[1] ?? __DIR__ . '/../../../vectors/assertion.json');
$vectors = json_decode($text, false, 64, JSON_THROW_ON_ERROR);
$seen = [];
$remember = function (string $issuer, string $jti) use (&$seen): bool {
    $isNew = !isset($seen["$issuer $jti"]);
    $seen["$issuer $jti"] = true;
    return $isNew;
};
$receiver = new Receiver($vectors->issuer, $vectors->audience, $vectors->jwks, $remember);

$wrong = 0;
foreach ($vectors->cases as $case) {
    $signed = [];
    $readBody = fn (): string => isset($case->bodyBase64) ? base64_decode($case->bodyBase64, true) : $case->body;
    try {
        [, $signed] = $receiver->verify($case->method, $case->target, $case->headers, $readBody, $case->now);
        $verdict = 'accept ';
    } catch (Refused $refused) {
        $verdict = "reject {$refused->getMessage()}";
    }
    $isRight = $verdict === "$case->expect " . ($case->reason ?? '') && $signed === array_column($case->signed ?? [], 1, 0);
    $wrong += $isRight ? 0 : 1;
    echo $isRight ? 'ok   ' : 'WRONG', " $verdict | $case->name\n";
}
$passed = count($vectors->cases) - $wrong;
echo "$passed passed, $wrong failed\n";
exit($passed > 0 && $wrong === 0 ? 0 : 1);
