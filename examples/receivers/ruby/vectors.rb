# frozen_string_literal: true

# Runs every case of vectors/assertion.json through the receiver. Usage: ruby vectors.rb [FILE]

require "set"
require_relative "receiver"

file = ARGV[0] || File.expand_path("../../../vectors/assertion.json", __dir__)
vectors = JSON.parse(File.read(file, encoding: "UTF-8"))
seen = Set.new
receiver = Receiver.new(
  issuer: vectors["issuer"],
  audience: vectors["audience"],
  jwks: vectors["jwks"],
  remember: ->(issuer, jti, _expires) { !seen.add?([issuer, jti]).nil? }
)

judge = lambda do |one|
  body = one.key?("bodyBase64") ? one["bodyBase64"].unpack1("m") : one["body"]
  _, signed, = receiver.verify(method: one["method"], target: one["target"], headers: one["headers"], now: one["now"]) { body }
  ["accept", "", signed]
rescue Refused => e
  ["reject", e.code, {}]
end

wrong = vectors["cases"].count do |one|
  *verdict, signed = judge.call(one)
  is_right = verdict == [one["expect"], one.fetch("reason", "")] && signed == one.fetch("signed", []).to_h
  puts "#{is_right ? 'ok   ' : 'WRONG'} #{verdict.join(' ')} | #{one['name']}"
  !is_right
end
puts "#{vectors['cases'].size - wrong} passed, #{wrong} failed"
exit(vectors["cases"].any? && wrong.zero? ? 0 : 1)
